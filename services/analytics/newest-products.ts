/** A row for each product with the newest value of each of these columns; of the products `where`, all if it is left out. */
export const newestOfProducts = (
  columns: readonly ('name' | 'category' | 'brand')[],
  where?: string,
): string =>
  `SELECT product_id, ${columns.map((column) => `argMax(${column}, version) AS ${column}`).join(', ')}
    FROM products${where === undefined ? '' : ` WHERE ${where}`} GROUP BY product_id`;

export const newestNames = newestOfProducts(['name']);
