import { query } from '../../api/client.ts';
import type { components } from '../../api/schema.d.ts';

export type CategoryNode = components['schemas']['CategoryNode'];

export const useCategories = () => query.useQuery('get', '/api/categories', {}, { staleTime: 10 * 60_000 });

/** The way from the root to a path, as far as the tree knows it. */
export const wayTo = (roots: readonly CategoryNode[], path: string): CategoryNode[] => {
  for (const node of roots) {
    if (node.path === path) return [node];
    if (path.startsWith(`${node.path}/`)) return [node, ...wayTo(node.children, path)];
  }
  return [];
};
