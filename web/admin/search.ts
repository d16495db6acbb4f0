/** The state of a view in its address: short texts; what is empty is left out. */
export const texts =
  <K extends string>(...keys: K[]) =>
  (search: Record<string, unknown>): { [N in K]?: string } =>
    Object.fromEntries(
      keys.flatMap((key) => {
        const value = search[key];
        return value === undefined || value === '' || value === null
          ? []
          : [[key, String(value).slice(0, 200)]];
      }),
    ) as { [N in K]?: string };
