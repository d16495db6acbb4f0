import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { HealthReport } from '#platform/service-host';
import type { Authenticator } from './auth.js';
import type { OpenApiDocument } from './openapi.js';

export type HttpApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression<RawServerDefault>,
  RawReplyDefaultExpression<RawServerDefault>,
  FastifyBaseLogger,
  ZodTypeProvider
>;

export type HttpServerOptions = {
  /** 0 lets the operating system choose; see `component.url`. */
  port: number;
  title: string;
  description?: string;
  /** Without it every caller is anonymous, and only public routes can be called. */
  auth?: Authenticator;
  /** Adds the hooks that see a request before it is authenticated, and so also what is refused then. */
  beforeAuthentication?: (app: HttpApp) => void;
  /** 1 MiB if unset. */
  bodyBytesMax?: number;
  /** The proxies whose `X-Forwarded-For` is trusted (see `trustedProxies`); none if unset. */
  trustedProxies?: number | string[] | undefined;
  /**
   * Answers a request at once, before the router reads it, or returns false. It is for answers that are ready, and does
   * itself what hooks do otherwise. It is not asked any more when the server stops.
   */
  front?: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** The report of `/health/ready`; that of the host's own components if unset. */
  health?: () => Promise<HealthReport>;
  /** Answers a request for a path that has no route, or returns false to leave it to the problem document. */
  answerMissing?: (request: FastifyRequest, reply: FastifyReply) => boolean;
  /** Makes the document of `/openapi.json` from that of the server's own routes; that one unchanged if unset. */
  document?: (own: () => Promise<OpenApiDocument>) => () => Promise<OpenApiDocument>;
};
