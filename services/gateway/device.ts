import type { IncomingHttpHeaders } from 'node:http';
import type { Device } from '#schemas/devices';

/** Beyond it nothing is looked for: browsers say within their first hundred characters what they run on. */
const lengthMax = 512;

/**
 * What a browser says that it runs on; null for what is no browser, or a robot. By `Sec-CH-UA-Mobile` (User-Agent Client
 * Hints) where it says `?1`, else by the words that MDN recommends to look for in `User-Agent` ("Browser detection using the
 * user agent"): `Mobi` is a phone, and an Android without it a tablet. An iPad that asks for desktop pages counts as a
 * desktop, as it says.
 */
export const deviceOf = ({
  'user-agent': userAgent = '',
  'sec-ch-ua-mobile': hint,
}: Pick<IncomingHttpHeaders, 'user-agent'> &
  Partial<Record<'sec-ch-ua-mobile', string | string[]>>): Device | null => {
  if (!userAgent.startsWith('Mozilla/')) return null;
  const text = userAgent.slice(0, lengthMax);
  if (/bot\b|crawler|spider/i.test(text)) return null;
  if (/iPad|Tablet/.test(text)) return 'tablet';
  if (hint === '?1' || text.includes('Mobi')) return 'mobile';
  return text.includes('Android') ? 'tablet' : 'desktop';
};
