/** `argMax` passes over null, so a brand that was taken away would be the one before. */
const newestOf = {
  name: 'argMax(name, version)',
  category: 'argMax(category, version)',
  brand: 'argMax(tuple(brand), version).1',
};

/** A row for each product with the newest value of each of these columns; of the products `where`, all if it is left out. */
export const newestOfProducts = (columns: readonly (keyof typeof newestOf)[], where?: string): string =>
  `SELECT product_id, ${columns.map((column) => `${newestOf[column]} AS ${column}`).join(', ')}
    FROM products${where === undefined ? '' : ` WHERE ${where}`} GROUP BY product_id`;

export const newestNames = newestOfProducts(['name']);
