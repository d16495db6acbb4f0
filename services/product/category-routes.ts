import { z } from 'zod';
import { actorOf } from '#platform/http/auth';
import { assertIfMatch, etagOf, notModified, sendWithEtag } from '#platform/http/etag';
import type { HttpApp } from '#platform/http/http-app';
import { ignored } from '#platform/http/json-value';
import { problem, problems } from '#platform/http/problem-details';
import { line, uuid } from '#platform/http/text';
import type { Database } from '#platform/postgres/pool';
import { inTransaction, type Tx } from '#platform/postgres/transaction';
import { createSharedRead } from '#platform/waiting/shared-read';
import { normaliseCategory } from '#schemas/category';
import {
  type Category,
  type CategoryNode,
  nameFromPath,
  parentPathOf,
  partFromName,
  pathCharsMax,
  treeOf,
} from './category.js';
import { type CategoryChanges, type CategoryRefusal, movedProductsMax } from './category-changes-store.js';
import { findCategory, listCategories, lockCategory } from './category-store.js';
import { category as categoryPath } from './product-schemas.js';

const shape = {
  id: z.uuid(),
  path: z.string().describe('From the root, e.g. `home/lighting`. Products name their category by it.'),
  name: z.string(),
  parentId: z.uuid().nullable().describe('Null at the root.'),
  position: z.int(),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
};
const categorySchema = z.object(shape).meta({ id: 'Category' });
type ShownNode = z.output<typeof categorySchema> & { children: ShownNode[] };
const nodeSchema: z.ZodType<ShownNode> = z.object({
  ...shape,
  get children() {
    return z.array(nodeSchema);
  },
});
// With a name, so that the document can refer to it from within.
z.globalRegistry.add(nodeSchema, { id: 'CategoryNode' });

const bodyFields = z.strictObject({
  name: line(120).optional().describe('For shoppers. Made from the path if unset.'),
  path: categoryPath.optional().describe('Made from the name, below the parent, if unset.'),
  parentId: uuid.nullable().optional().describe('The category above; null at the root.'),
  position: z.int().min(0).max(1_000_000).default(0).describe('Order among siblings, lowest first.'),
});
const createBody = bodyFields.meta({ anyOf: [{ required: ['name'] }, { required: ['path'] }] });
const updateBody = bodyFields.extend({
  id: ignored,
  children: ignored,
  createdAt: ignored,
  updatedAt: ignored,
});

const tags = ['categories'];
const params = z.strictObject({ id: uuid });

type Stated = Pick<z.output<typeof createBody>, 'name' | 'path' | 'parentId' | 'position'>;

/** What a body says of a category, new or as it was. */
const statedIn = async (
  tx: Tx,
  { name, path, parentId, position }: Stated,
  before?: Category,
): Promise<Pick<Category, 'path' | 'name' | 'position'>> => {
  const parentPath = typeof parentId === 'string' ? (await parentOf(tx, parentId)).path : '';
  const wanted = path === undefined ? undefined : normaliseCategory(path);
  if (wanted !== undefined && parentId !== undefined && parentPathOf(wanted) !== parentPath)
    throw notPlaced('/path', 'is not below the category of parentId');
  const part = before?.path.split('/').at(-1) ?? (name === undefined ? undefined : partFromName(name));
  const within = parentId === undefined && before !== undefined ? parentPathOf(before.path) : parentPath;
  const placed = wanted ?? (part === undefined ? undefined : [within, part].filter(Boolean).join('/'));
  if (placed === undefined)
    throw problem(400, 'invalid_body', 'The body does not describe a category.', {
      errors: [{ path: '/name', message: 'is missing, and so is path' }],
    });
  if (placed === '') throw notPlaced('/name', 'makes no path');
  if (placed.length > pathCharsMax)
    throw notPlaced('/name', `makes a path of over ${pathCharsMax} characters`);
  return { path: placed, name: name ?? before?.name ?? nameFromPath(placed), position };
};

const parentOf = async (tx: Tx, parentId: string): Promise<Category> => {
  const parent = await findCategory(tx, parentId);
  if (parent === undefined)
    throw problem(422, 'parent_not_found', 'There is no such category to be below.', {
      errors: [{ path: '/parentId', message: 'is the id of no category' }],
    });
  return parent;
};

const notPlaced = (path: string, message: string) =>
  problem(422, 'category_not_placeable', 'There is no place for this category.', {
    errors: [{ path, message }],
  });

const refusals: Record<CategoryRefusal, () => Error> = {
  exists: () => problem(409, 'category_exists', 'There is a category of this path.'),
  below_itself: () => problem(409, 'category_below_itself', 'A category cannot be moved below itself.'),
  too_large: () =>
    problem(
      409,
      'category_too_large',
      `A category with more than ${movedProductsMax} products keeps its path: move its products first, by an import.`,
    ),
  too_long: () =>
    problem(409, 'category_path_too_long', `A path below it would have over ${pathCharsMax} characters.`),
  not_empty: () =>
    problem(409, 'category_not_empty', 'There are products or categories in it: move or remove them first.'),
};

const accepted = <T extends object>(outcome: T | { refused: CategoryRefusal }): T => {
  if ('refused' in outcome && outcome.refused !== undefined) throw refusals[outcome.refused]();
  return outcome as T;
};

const notFound = () => problem(404, 'category_not_found', 'There is no such category.');

const readRoutes = (app: HttpApp, db: Database): void => {
  const readAll = createSharedRead(() => listCategories(db));
  const route = { access: 'public', config: { anonymousWithoutKeys: true } } as const;
  app.get(
    '/api/categories',
    {
      ...route,
      schema: {
        tags,
        summary: 'The tree of categories. Categories of products appear in it by themselves.',
        querystring: z.strictObject({}),
        response: { 200: z.object({ items: z.array(nodeSchema) }), ...notModified },
      },
    },
    async (request, reply) => {
      const categories = await readAll('all');
      const versions = categories.map(({ categoryId, version }) => [categoryId, version]);
      return sendWithEtag(request, reply, etagOf(versions), { items: treeOf(categories).map(shownNode) });
    },
  );
  app.get(
    '/api/categories/:id',
    {
      ...route,
      schema: {
        tags,
        summary: 'One category.',
        params,
        response: { 200: categorySchema, ...notModified, ...problems(404) },
      },
    },
    async (request, reply) => {
      const category = await findCategory(db, request.params.id);
      if (category === undefined) throw notFound();
      return sendWithEtag(request, reply, etagOf(category.version), await shownIn(db, category));
    },
  );
};

const locked = async (
  tx: Tx,
  id: string,
  request: Parameters<typeof assertIfMatch>[0],
): Promise<Category> => {
  const category = await lockCategory(tx, id);
  if (category === undefined) throw notFound();
  assertIfMatch(request, etagOf(category.version));
  return category;
};

const writeRoutes = (app: HttpApp, db: Database, changes: CategoryChanges): void => {
  const route = { access: ['admin'] } as const;
  const changing = {
    ...route,
    requires: ['if-match'],
    versionOf: async (request: { params: unknown }) => {
      const { data: asked } = params.safeParse(request.params);
      return asked && (await findCategory(db, asked.id))?.version;
    },
  } as const;
  app.post(
    '/api/categories',
    {
      ...route,
      schema: {
        tags,
        summary: 'Add a category, with those above it that are missing.',
        body: createBody,
        response: { 201: categorySchema, ...problems(409, 422) },
      },
    },
    async (request, reply) => {
      const by = actorOf(request.principal);
      const category = await inTransaction(db, async (tx) =>
        accepted(await changes.add(tx, await statedIn(tx, request.body), by)),
      );
      return reply
        .code(201)
        .header('location', `/api/categories/${category.categoryId}`)
        .header('etag', etagOf(category.version))
        .send(await shownIn(db, category));
    },
  );
  app.put(
    '/api/categories/:id',
    {
      ...changing,
      schema: {
        tags,
        summary: 'Name, order or move a category. What is below it moves along, up to 2,000 products.',
        params,
        body: updateBody,
        response: { 200: categorySchema, ...problems(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const by = actorOf(request.principal);
      const category = await inTransaction(db, async (tx) => {
        const before = await locked(tx, request.params.id, request);
        return accepted(await changes.change(tx, before, await statedIn(tx, request.body, before), by));
      });
      return reply.header('etag', etagOf(category.version)).send(await shownIn(db, category));
    },
  );
  app.delete(
    '/api/categories/:id',
    {
      ...changing,
      schema: {
        tags,
        summary: 'Remove a category that nothing is in.',
        params,
        response: { 204: z.undefined().describe('Removed.'), ...problems(404, 409) },
      },
    },
    async (request, reply) => {
      const by = actorOf(request.principal);
      await inTransaction(db, async (tx) =>
        accepted(await changes.remove(tx, await locked(tx, request.params.id, request), by)),
      );
      return reply.code(204).send();
    },
  );
};

export const categoryRoutes = (app: HttpApp, db: Database, changes: CategoryChanges): void => {
  readRoutes(app, db);
  writeRoutes(app, db, changes);
};

const shown = (category: Category, parentId: string | null): z.output<typeof categorySchema> => ({
  id: category.categoryId,
  path: category.path,
  name: category.name,
  parentId,
  position: category.position,
  createdAt: new Date(category.createdAtMs).toISOString(),
  updatedAt: new Date(category.updatedAtMs).toISOString(),
});

const shownIn = async (db: Database, category: Category): Promise<z.output<typeof categorySchema>> => {
  const { rows } = await db.query<{ id: string }>(
    'SELECT category_id AS id FROM categories WHERE path = $1',
    [parentPathOf(category.path)],
  );
  return shown(category, rows[0]?.id ?? null);
};

const shownNode = (node: CategoryNode): ShownNode => ({
  ...shown(node, node.parentId),
  children: node.children.map(shownNode),
});
