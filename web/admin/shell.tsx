import { ThemeSwitch } from '../kit/theme.tsx';

export const Shell = () => (
  <>
    <header className="flex items-center justify-between border-line border-b px-4 py-2">
      <a href="/admin" className="font-display text-xl">
        Cartstream admin
      </a>
      <ThemeSwitch />
    </header>
    <main className="p-4">
      <h1 className="font-display text-3xl">Admin</h1>
    </main>
  </>
);
