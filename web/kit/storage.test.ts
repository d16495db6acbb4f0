import { afterEach, describe, expect, it, vi } from 'vitest';
import { browserStore } from './storage.ts';

afterEach(() => {
  browserStore.removeItem('cart');
  vi.unstubAllGlobals();
});

const refusing = (): never => {
  throw new DOMException('The operation is insecure.', 'SecurityError');
};

describe('what a page keeps', () => {
  it('is in the browser, where it has room', () => {
    const kept = new Map<string, string>();
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    });
    browserStore.setItem('cart', 'c1');
    expect([kept.get('cart'), browserStore.getItem('cart')]).toEqual(['c1', 'c1']);
    browserStore.removeItem('cart');
    expect([kept.size, browserStore.getItem('cart')]).toEqual([0, null]);
  });

  it.each([
    ['allows nothing', { getItem: refusing, setItem: refusing, removeItem: refusing }],
    ['is full', { getItem: () => 'c0', setItem: refusing, removeItem: () => undefined }],
  ])('stays for the page where the browser %s', (_, storage) => {
    vi.stubGlobal('localStorage', storage);
    browserStore.setItem('cart', 'c1');
    expect(browserStore.getItem('cart')).toBe('c1');
    browserStore.setItem('cart', 'c2');
    expect(browserStore.getItem('cart')).toBe('c2');
  });
});
