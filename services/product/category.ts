import { normaliseCategory } from '#schemas/category';

/** A place in the tree. Its parent is the category whose path is this one's without the last part. */
export type Category = {
  categoryId: string;
  version: number;
  /** From the root, e.g. `home/lighting`; products name their category by it. */
  path: string;
  name: string;
  /** Order among the categories of one parent; those of the same position are sorted by name. */
  position: number;
  createdAtMs: number;
  updatedAtMs: number;
};

export type CategoryNode = Category & { parentId: string | null; children: CategoryNode[] };

/** The longest path of a category. */
export const pathCharsMax = 200;

export const parentPathOf = (path: string): string => path.split('/').slice(0, -1).join('/');

/** The path and those of its ancestors, the root's first. */
export const pathsTo = (path: string): string[] => {
  const parts = path.split('/');
  return parts.map((_, nth) => parts.slice(0, nth + 1).join('/'));
};

/** `home/fairy-lights` is called `Fairy lights` until somebody names it, and `home/--` as it is. */
export const nameFromPath = (path: string): string => {
  const part = path.split('/').at(-1) ?? '';
  const words = part.replaceAll('-', ' ').trim() || part;
  return words.charAt(0).toUpperCase() + words.slice(1);
};

/** The part of a path that stands for a name: `Fairy lights` becomes `fairy-lights`. */
export const partFromName = (name: string): string =>
  normaliseCategory(name.replaceAll('/', ' ').trim().replaceAll(/\s+/g, '-'));

/** The categories as trees, each level in its order. A category without its parent in the list is a root. */
export const treeOf = (categories: readonly Category[]): CategoryNode[] => {
  const nodes = new Map(
    categories.map((category): [string, CategoryNode] => [
      category.path,
      { ...category, parentId: null, children: [] },
    ]),
  );
  const roots: CategoryNode[] = [];
  for (const node of nodes.values()) {
    const parent = nodes.get(parentPathOf(node.path));
    node.parentId = parent?.categoryId ?? null;
    (parent?.children ?? roots).push(node);
  }
  for (const siblings of [roots, ...[...nodes.values()].map(({ children }) => children)])
    siblings.sort(
      (one, other) =>
        one.position - other.position || (one.name < other.name ? -1 : one.name > other.name ? 1 : 0),
    );
  return roots;
};
