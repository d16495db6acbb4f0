import { sleep } from '#platform/waiting/sleep';

/** Keeps the beginnings of work apart, so that work which comes fast is done in larger pieces. */
export type Spacing = {
  /** Waits until `spacingMs` after the last piece began, and counts the next one as begun. */
  next(): Promise<void>;
  /** The next piece may begin at once: more than a piece lies ready. */
  skip(): void;
};

export const createSpacing = (
  spacingMs: number,
  { monotonicMs = () => performance.now(), wait = (ms: number) => sleep(ms) } = {},
): Spacing => {
  let beganAtMs = Number.NEGATIVE_INFINITY;
  return {
    next: async () => {
      const restMs = beganAtMs + spacingMs - monotonicMs();
      if (restMs > 0) await wait(restMs);
      beganAtMs = monotonicMs();
    },
    skip: () => {
      beganAtMs = Number.NEGATIVE_INFINITY;
    },
  };
};
