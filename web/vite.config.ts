import { fileURLToPath } from 'node:url';
import tailwind from '@tailwindcss/vite';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Fonts are loaded beside the styles that name them: found later, they would come after the first paint. */
const preloadFonts = (): Plugin => ({
  name: 'preload-fonts',
  transformIndexHtml: {
    order: 'post',
    handler: (_html, { bundle }) =>
      Object.keys(bundle ?? {})
        .filter((file) => file.endsWith('.woff2'))
        .map((file) => ({
          tag: 'link',
          attrs: { rel: 'preload', as: 'font', type: 'font/woff2', crossorigin: '', href: `/${file}` },
          injectTo: 'head',
        })),
  },
});

/**
 * Three pages of their own scripts, so that a shopper never loads the code of operators. `local/setup/web.js` calls
 * this and compresses the result. `npx vite web` serves it with hot reload beside a platform on port 8000.
 */
export default defineConfig({
  root: here('.'),
  plugins: [react(), tailwind(), preloadFonts()],
  server: { proxy: { '/api': 'http://127.0.0.1:8000' } },
  build: {
    outDir: here('../dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    cssTarget: ['chrome125', 'firefox125', 'safari17.5'],
    // A font or picture within the styles would be loaded by everybody, and the policy allows no data: fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      input: ['storefront', 'dashboard', 'admin'].map((page) => here(`${page}.html`)),
    },
  },
});
