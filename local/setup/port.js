import { createServer } from 'node:net';

/** Of the loopback, as `isFree` of the data folder's ports, which is TypeScript and so not there before the build. */
export const isFree = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
