import type {
  FastifyBaseLogger,
  FastifyInstance,
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
  /** Without one every caller is anonymous, and only public routes can be reached. */
  auth?: Authenticator;
  /** 1 MiB if unset. */
  bodyBytesMax?: number;
  /** Whose `X-Forwarded-For` counts (see `trustedProxies`); nobody's if unset. */
  trustedProxies?: number | string[] | undefined;
  /** What `/health/ready` says; the host's own components if unset. */
  health?: () => Promise<HealthReport>;
  /** What `/openapi.json` says, given how to make the document of the server's own routes; just that if unset. */
  document?: (own: () => Promise<OpenApiDocument>) => () => Promise<OpenApiDocument>;
};
