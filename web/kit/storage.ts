type Store = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

/** What the browser does not keep, because its user allows nothing or it is full, is kept for as long as the page stands. */
const keepingIn = (storage: () => Storage): Store => {
  const ofPage = new Map<string, string>();
  return {
    getItem: (key) => {
      try {
        return ofPage.get(key) ?? storage().getItem(key);
      } catch {
        return null;
      }
    },
    setItem: (key, value) => {
      ofPage.delete(key);
      try {
        storage().setItem(key, value);
      } catch {
        ofPage.set(key, value);
      }
    },
    removeItem: (key) => {
      ofPage.delete(key);
      try {
        storage().removeItem(key);
      } catch {
        // Nothing is kept there.
      }
    },
  };
};

/** Of all tabs, for the next visit. */
export const browserStore = keepingIn(() => localStorage);
/** Of this tab, which outlives a reload. */
export const tabStore = keepingIn(() => sessionStorage);
