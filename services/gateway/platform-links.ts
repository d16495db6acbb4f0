import { withoutLogin } from '#platform/http/url-login';

/** The browser's URLs of the tools beside the shop; undefined where there is none that it can reach. */
export type PlatformLinks = {
  zipkinUrl: string | undefined;
  prometheusUrl: string | undefined;
  mailboxUrl: string | undefined;
};

/**
 * They are separate settings, since containers reach the tools by other names. Everybody may read them, so a user and
 * password with which the platform logs in there are left out.
 */
export const linksOf = (config: {
  zipkinUrl?: string | undefined;
  zipkinPageUrl?: string | undefined;
  prometheusUrl?: string | undefined;
  mailboxUrl?: string | undefined;
}): PlatformLinks => ({
  zipkinUrl: linkOf(config.zipkinPageUrl ?? config.zipkinUrl),
  prometheusUrl: linkOf(config.prometheusUrl),
  mailboxUrl: linkOf(config.mailboxUrl),
});

const linkOf = (url: string | undefined): string | undefined =>
  url === undefined ? undefined : withoutLogin(url);
