import { createServer } from 'node:net';

/** Whether a server could listen to this port of the loopback now. */
export const isFree = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });

/** `how` says where another port is chosen. */
export const portTaken = (port, how = '`npm start -- --port 8080`') =>
  `port ${port} is taken; free it or choose another with ${how}`;
