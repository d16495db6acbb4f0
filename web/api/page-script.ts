import { lazyRouteComponent, type RouteComponent } from '@tanstack/react-router';
import { Unreachable } from './problem.ts';

/**
 * Loads the script of a page. One that is missing is that of a release before, and the router loads the whole page again; one
 * that cannot be reached is the network's fault, and a page that loads itself again without a network is lost.
 */
export const pageScript =
  <Exports>(load: () => Promise<Exports>) =>
  (): Promise<Exports> =>
    load().catch(async (missing: unknown) => {
      try {
        await fetch('/favicon.ico', { method: 'HEAD', cache: 'no-store' });
      } catch (cause) {
        throw new Unreachable(cause);
      }
      throw missing;
    });

/** A component that is loaded when its page is first shown; `name` is checked against what the file exports. */
export const lazily = <Exports>(load: () => Promise<Exports>, name: keyof Exports & string) =>
  lazyRouteComponent(pageScript(load as () => Promise<Record<string, RouteComponent>>), name);
