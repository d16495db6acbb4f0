/**
 * Returns the same string for equal texts, so that what is kept of many events holds each text once. It remembers at most
 * `textsMax` texts, and begins anew beyond: then equal texts may be two strings, which costs only memory.
 */
export const createInterning = (textsMax: number): ((text: string) => string) => {
  const texts = new Map<string, string>();
  return (text) => {
    const same = texts.get(text);
    if (same !== undefined) return same;
    if (texts.size >= textsMax) texts.clear();
    texts.set(text, text);
    return text;
  };
};
