import type { Tx } from '#platform/postgres/transaction';
import { type Category, parentPathOf, pathCharsMax, pathsTo } from './category.js';
import {
  addCategories,
  type CategoryParts,
  categoriesBelow,
  ensureCategories,
  productsIn,
  removeCategory,
  saveCategories,
} from './category-store.js';
import { lockProducts } from './product-row-store.js';
import type { ProductStore } from './product-store.js';

/** A category with more products below it is not moved in one transaction. */
export const movedProductsMax = 2_000;

export type CategoryRefusal = 'exists' | 'below_itself' | 'too_large' | 'too_long' | 'not_empty';

export type CategoryChanges = {
  add(
    tx: Tx,
    stated: Pick<Category, 'path' | 'name' | 'position'>,
    by: string,
  ): Promise<Category | { refused: CategoryRefusal }>;
  /** `category` is locked. With another path what is below it, categories and products, moves along. */
  change(
    tx: Tx,
    category: Category,
    stated: Pick<Category, 'path' | 'name' | 'position'>,
    by: string,
  ): Promise<Category | { refused: CategoryRefusal }>;
  /** `category` is locked. */
  remove(tx: Tx, category: Category, by: string): Promise<{ refused?: CategoryRefusal }>;
};

/** The changes that an operator makes to the tree. */
export const createCategoryChanges = (products: ProductStore, parts: CategoryParts): CategoryChanges => {
  const move = async (
    tx: Tx,
    from: string,
    to: string,
    by: string,
  ): Promise<Category[] | CategoryRefusal> => {
    if (to.startsWith(`${from}/`)) return 'below_itself';
    const movedOf = (path: string) => `${to}${path.slice(from.length)}`;
    const below = await categoriesBelow(tx, from);
    if (below.some(({ path }) => movedOf(path).length > pathCharsMax)) return 'too_long';
    const productIds = await productsIn(tx, from, movedProductsMax + 1);
    if (productIds.length > movedProductsMax) return 'too_large';
    await ensureCategories(tx, pathsTo(parentPathOf(to)).filter(Boolean), parts);
    const rows = [...(await lockProducts(tx, productIds)).values()];
    await products.updateAll(
      tx,
      rows.map((row) => ({ row, described: { ...row, category: movedOf(row.category) } })),
      by,
      { categoriesExist: true },
    );
    return below.map((category) => ({ ...category, path: movedOf(category.path) }));
  };

  return {
    add: async (tx, stated, by) => {
      await ensureCategories(tx, pathsTo(parentPathOf(stated.path)).filter(Boolean), parts);
      const [added] = await addCategories(tx, [stated], { ...parts, by });
      return added ?? { refused: 'exists' };
    },
    change: async (tx, category, stated, by) => {
      const { path, name, position } = stated;
      const isSame = path === category.path && name === category.name && position === category.position;
      if (isSame) return category;
      const moved = path === category.path ? [] : await move(tx, category.path, path, by);
      if (typeof moved === 'string') return { refused: moved };
      const saved = await saveCategories(tx, [{ ...category, path, name, position }, ...moved], {
        ...parts,
        by,
      });
      return saved?.find(({ categoryId }) => categoryId === category.categoryId) ?? { refused: 'exists' };
    },
    remove: async (tx, category, by) => {
      const below = await categoriesBelow(tx, category.path);
      if (below.length > 0 || (await productsIn(tx, category.path, 1)).length > 0)
        return { refused: 'not_empty' };
      await removeCategory(tx, category, { ...parts, by });
      return {};
    },
  };
};
