/** The browser's URLs of the tools beside the shop; undefined where there is none that it can reach. */
export type PlatformLinks = {
  zipkinUrl: string | undefined;
  prometheusUrl: string | undefined;
  mailboxUrl: string | undefined;
};

/** They are separate settings, since containers reach the tools by other names. */
export const linksOf = (config: {
  zipkinUrl?: string | undefined;
  zipkinPageUrl?: string | undefined;
  prometheusUrl?: string | undefined;
  mailboxUrl?: string | undefined;
}): PlatformLinks => ({
  zipkinUrl: config.zipkinPageUrl ?? config.zipkinUrl,
  prometheusUrl: config.prometheusUrl,
  mailboxUrl: config.mailboxUrl,
});
