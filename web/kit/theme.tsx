import { useEffect, useState } from 'react';
import { MoonIcon, SunIcon } from './icons.tsx';
import { browserStore } from './storage.ts';

type Theme = 'light' | 'dark';
const storageKey = 'cartstream.theme';

const chosen = (): Theme | undefined => {
  const theme = browserStore.getItem(storageKey);
  return theme === 'light' || theme === 'dark' ? theme : undefined;
};

/** Call it before the first paint: the visitor's choice wins over the system's. */
export const applyTheme = (): void => {
  const theme = chosen();
  if (theme) document.documentElement.dataset.theme = theme;
};

const systemTheme = (): Theme => (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');

export const ThemeSwitch = () => {
  const [theme, setTheme] = useState<Theme>(() => chosen() ?? systemTheme());
  useEffect(() => {
    const media = matchMedia('(prefers-color-scheme: dark)');
    const follow = () => setTheme(chosen() ?? systemTheme());
    media.addEventListener('change', follow);
    return () => media.removeEventListener('change', follow);
  }, []);
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <button
      type="button"
      aria-label={`Use the ${other} theme`}
      onClick={() => {
        browserStore.setItem(storageKey, other);
        document.documentElement.dataset.theme = other;
        setTheme(other);
      }}
      className="grid size-11 place-items-center rounded-lg hover:bg-sunken"
    >
      {theme === 'dark' ? <SunIcon /> : <MoonIcon />}
    </button>
  );
};
