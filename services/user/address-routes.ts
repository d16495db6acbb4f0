import { z } from 'zod';
import { etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { decodeCursor, listQuery, pageFrom, pageOf } from '#platform/http/pagination';
import { problem, problems } from '#platform/http/problem-details';
import { line, uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { countries } from '#schemas/country';
import { type AddressBook, addressesMax } from './address-book.js';
import { type Address, addressStore } from './address-store.js';
import { ownId, personal, unlessGone } from './answers.js';

/** The fields of an order's `shippingAddress`, so that one can be sent as the other. */
const addressBody = z.strictObject({
  name: line(200).describe('Who receives what is sent there.'),
  line1: line(200),
  line2: line(200).optional(),
  city: line(100),
  postalCode: line(20),
  country: z.enum(countries as [string, ...string[]]).describe('ISO 3166-1 alpha-2.'),
});

export const addressSchema = z
  .object({
    id: z.uuid(),
    name: z.string(),
    line1: z.string(),
    line2: z.string().optional(),
    city: z.string(),
    postalCode: z.string(),
    country: z.string(),
    createdAt: z.iso.datetime(),
  })
  .meta({ id: 'Address' });

export const shownAddress = ({ line2, createdAt, ...address }: Address): z.output<typeof addressSchema> => ({
  ...address,
  ...(line2 === null ? {} : { line2 }),
  createdAt: createdAt.toISOString(),
});

const tags = ['users'];
const params = z.strictObject({ id: uuid });
const notFound = () => problem(404, 'address_not_found', 'There is no such address.');

export const addressRoutes = (app: HttpApp, db: Database, addresses: AddressBook): void => {
  app.get(
    '/api/users/me/addresses',
    {
      ...personal,
      schema: {
        tags,
        summary: 'My addresses, the newest first.',
        querystring: z.strictObject(listQuery),
        response: { 200: pageOf(addressSchema) },
      },
    },
    async (request, reply) => {
      const before = decodeCursor(request, z.uuid());
      const rows = await addressStore.list(db, ownId(request), { before, limit: request.query.limit + 1 });
      const { items, next } = pageFrom(request, rows, ({ id }) => id);
      return reply.send({ items: items.map(shownAddress), next });
    },
  );

  app.post(
    '/api/users/me/addresses',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Add an address.',
        body: addressBody,
        response: { 201: addressSchema, ...problems(404, 409) },
      },
    },
    async (request, reply) => {
      const address = { ...request.body, line2: request.body.line2 ?? null };
      const added = unlessGone(await addresses.add(ownId(request), address));
      if (added === 'full')
        throw problem(409, 'too_many_addresses', `An account has ${addressesMax} addresses at most.`);
      return reply.code(201).send(shownAddress(added));
    },
  );

  app.get(
    '/api/users/me/addresses/:id',
    {
      ...personal,
      schema: {
        tags,
        summary: 'One of my addresses.',
        params,
        response: { 200: addressSchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const found = await addressStore.find(db, ownId(request), request.params.id);
      if (found === undefined) throw notFound();
      const body = shownAddress(found);
      return sendWithEtag(request, reply, etagOf(body), body);
    },
  );

  app.delete(
    '/api/users/me/addresses/:id',
    {
      ...personal,
      schema: {
        tags,
        summary: 'Remove an address.',
        params,
        response: { 204: z.undefined().describe('Removed'), ...problems(404) },
      },
    },
    async (request, reply) => {
      if (!(await addresses.remove(ownId(request), request.params.id))) throw notFound();
      return reply.code(204).send();
    },
  );
};
