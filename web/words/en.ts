/** Sentences for the API's stable codes. A code without one shows the API's own `detail`. */
export const problems = {
  unreachable: 'The shop does not answer. Check the connection; what you typed is kept.',
  broken: 'This part of the page stopped working. Loading the page again usually helps.',
  titles: {
    401: 'Not logged in',
    403: 'Not for this account',
    404: 'Nothing here',
    409: 'That has changed meanwhile',
    412: 'That has changed meanwhile',
    429: 'A little too fast',
    503: 'Not available just now',
  } as Readonly<Record<number, string>>,
  byCode: {
    rate_limited: 'Too many requests in a short time. Wait a moment and try again.',
    too_many_requests: 'Too many requests in a short time. Wait a moment and try again.',
    service_unavailable: 'One part of the shop is resting. Everything else on this page works.',
    invalid_credentials: 'The e-mail address or the password is not right.',
    email_taken: 'There is an account with this address already. Log in instead?',
    unauthenticated: 'You are not logged in any more.',
    forbidden: 'This account may not do that.',
  },
} as const;
