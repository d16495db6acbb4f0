import { createListeners } from '../../kit/listeners.ts';

let isOpen = false;
const { subscribe, announce } = createListeners();

const set = (next: boolean): void => {
  isOpen = next;
  announce();
};

export const openCartDrawer = (): void => set(true);
export const closeCartDrawer = (): void => set(false);
export const isCartDrawerOpen = (): boolean => isOpen;
export const onCartDrawer = subscribe;
