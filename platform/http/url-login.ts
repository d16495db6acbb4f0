/** The URL without user and password: for messages and pages, and for `fetch`, which refuses a URL that has them. */
export const withoutLogin = (url: string): string => {
  const address = new URL(url);
  address.username = '';
  address.password = '';
  // `href` adds a slash to a host alone, which most bases are, and to which a path is appended.
  return url.endsWith('/') ? address.href : address.href.replace(/\/$/, '');
};

/** The header that sends the user and password of the URL; empty where it has none. */
export const loginHeader = (url: string): { authorization?: string } => {
  const { username, password } = new URL(url);
  if (username === '' && password === '') return {};
  const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
};
