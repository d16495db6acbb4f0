/** FNV-1a, with its upper bits mixed into the lower ones. Another `basis` gives other values: which texts share one, too. */
export const hashOf = (text: string, basis = 2166136261): number => {
  let value = basis;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 16777619);
  return (value ^ (value >>> 15)) >>> 0;
};
