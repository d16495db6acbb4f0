import { z } from 'zod';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { line, matching, uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { devicesMax } from './announcements.js';
import { ownId, personal, unlessGone } from './answers.js';
import { type Device, deviceStore } from './device-store.js';
import type { Devices } from './devices.js';
import { isPushEndpoint } from './push-endpoint.js';

const deviceBody = z.strictObject({
  endpoint: matching(1000, /^https:\/\/[\x21-\x7e]{1,992}$/).describe(
    'As the browser’s `PushSubscription` has it, like `keys`: the address of a public host.',
  ),
  keys: z.strictObject({
    p256dh: matching(90, /^[\w-]{87}=?$/).describe('65 bytes, base64url.'),
    auth: matching(30, /^[\w-]{22}={0,2}$/).describe('16 bytes, base64url.'),
  }),
  name: line(100).optional().describe('For the owner to recognise the device by.'),
});

export const deviceSchema = z
  .object({
    id: z.uuid(),
    endpoint: z.string(),
    name: z.string().nullable(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Device' });

export const shownDevice = ({ id, endpoint, name, createdAt }: Device): z.output<typeof deviceSchema> => ({
  id,
  endpoint,
  name,
  createdAt: createdAt.toISOString(),
});

const tags = ['users'];
const params = z.strictObject({ id: uuid });
const notFound = () => problem(404, 'device_not_found', 'There is no such device.');

export const deviceRoutes = (app: HttpApp, db: Database, devices: Devices): void => {
  app.get(
    '/api/users/me/devices',
    {
      ...personal,
      schema: {
        tags,
        summary: 'The devices on which I get push messages, the newest first.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(deviceSchema) },
      },
    },
    async (request, reply) => {
      const before = decodeCursor(request, z.uuid());
      const rows = await deviceStore.list(db, ownId(request), { before, limit: request.query.limit + 1 });
      const { items, next } = pageFrom(request, rows, ({ id }) => id);
      return reply.send({ items: items.map(shownDevice), next });
    },
  );

  app.post(
    '/api/users/me/devices',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Register a device for push messages (Web Push).',
        description: 'An endpoint that is registered already is renewed, and the answer is 200.',
        body: deviceBody,
        response: { 200: deviceSchema, 201: deviceSchema, ...problems(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const { endpoint, keys, name = null } = request.body;
      if (!isPushEndpoint(endpoint))
        throw problem(
          422,
          'push_endpoint_refused',
          'The endpoint must be an https address of a public host.',
        );
      const added = unlessGone(await devices.add(ownId(request), { endpoint, ...keys, name }));
      if (added === 'full')
        throw problem(409, 'too_many_devices', `An account has ${devicesMax} devices at most.`);
      return reply.code(added.isNew ? 201 : 200).send(shownDevice(added.device));
    },
  );

  app.get(
    '/api/users/me/devices/:id',
    {
      ...personal,
      schema: {
        tags,
        summary: 'One of my devices.',
        params,
        response: { 200: deviceSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const found = await deviceStore.find(db, ownId(request), request.params.id);
      if (found === undefined) throw notFound();
      const body = shownDevice(found);
      return sendWithEtag(request, reply, etagOf(body), body);
    },
  );

  app.delete(
    '/api/users/me/devices/:id',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Remove a device.',
        params,
        response: { 204: z.undefined().describe('Removed'), ...problems(404) },
      },
    },
    async (request, reply) => {
      if (!(await devices.remove(ownId(request), request.params.id))) throw notFound();
      return reply.code(204).send();
    },
  );
};
