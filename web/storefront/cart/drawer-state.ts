let isOpen = false;
const listeners = new Set<() => void>();

const set = (next: boolean): void => {
  isOpen = next;
  for (const listener of listeners) listener();
};

export const openCartDrawer = (): void => set(true);
export const closeCartDrawer = (): void => set(false);
export const isCartDrawerOpen = (): boolean => isOpen;
export const onCartDrawer = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
