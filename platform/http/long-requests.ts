import { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Connections whose request may take as long as it goes on arriving. */
const unhurried = new WeakSet<Socket>();
/** A connection on which nothing comes or goes for so long has ended. */
const silenceMsMax = 120_000;

/**
 * Lets a body that is read as it comes take longer than others, whose connection the server closes after its
 * `requestTimeout`. Until the answer's end: who is refused does not keep the connection by sending slowly.
 */
export const mayTakeLong = ({ raw: { socket } }: FastifyRequest, reply: FastifyReply): void => {
  // Within the process there is none that could be closed.
  if (!(socket instanceof Socket)) return;
  unhurried.add(socket);
  socket.setTimeout(silenceMsMax);
  // From its end on Node gives the connection the time that it may be idle.
  reply.raw.once('close', () => unhurried.delete(socket));
};

export const isUnhurried = (socket: Socket): boolean => unhurried.has(socket);
