import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contrastOf, hexOf } from '../cover/palette.ts';

const css = readFileSync(join(import.meta.dirname, 'tokens.css'), 'utf8');

type Theme = 'light' | 'dark';
const tokens = new Map(
  [...css.matchAll(/--([\w-]+): light-dark\(oklch\(([^)]*)\), oklch\(([^)]*)\)\)/g)].map(
    ([, name, light, dark]) => [
      name as string,
      { light: colourOf(light as string), dark: colourOf(dark as string) },
    ],
  ),
);

function colourOf(text: string): string {
  const [lightness = '', chroma = '', hue = ''] = text.split('/')[0]?.trim().split(/\s+/) ?? [];
  return hexOf(Number.parseFloat(lightness) / 100, Number(chroma), Number(hue));
}

const contrast = (one: string, other: string, theme: Theme): number =>
  contrastOf(tokens.get(one)?.[theme] ?? '#000000', tokens.get(other)?.[theme] ?? '#000000');

/** Every pair of text and what it stands on. */
const texts: readonly (readonly [string, readonly string[]])[] = [
  ['ink', ['page', 'surface', 'raised', 'sunken', 'bad-wash', 'good-wash', 'warn-wash', 'action-wash']],
  ['ink-soft', ['page', 'surface', 'raised', 'sunken']],
  ['action', ['page', 'surface', 'raised', 'action-wash']],
  ['action-ink', ['action', 'action-hover']],
  ['accent-ink', ['accent']],
  ['hero-ink', ['hero']],
  ['good', ['page', 'surface', 'good-wash']],
  ['warn', ['page', 'surface', 'warn-wash']],
  ['bad', ['page', 'surface', 'bad-wash']],
  ['page', ['ink']],
];

describe.each(['light', 'dark'] as const)('the colours of the %s theme', (theme) => {
  it.each(texts.flatMap(([text, grounds]) => grounds.map((ground) => [text, ground] as const)))(
    '%s is readable on %s',
    (text, ground) => {
      expect(tokens.has(text) && tokens.has(ground)).toBe(true);
      expect(contrast(text, ground, theme)).toBeGreaterThanOrEqual(4.5);
    },
  );

  it.each(['line-strong', 'focus', 'series-1', 'series-2', 'series-3', 'series-4', 'series-5', 'series-6'])(
    '%s is seen on pages and panels',
    (name) => {
      for (const ground of ['page', 'surface'])
        expect(contrast(name, ground, theme), ground).toBeGreaterThanOrEqual(3);
    },
  );
});

it('no part of the pages names a colour of its own', () => {
  const folder = join(import.meta.dirname, '..');
  const strays = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx$/.test(file))
    .filter((file) =>
      /(#[0-9a-f]{3,8}\b(?!;)|\b(rgb|hsl|oklch)a?\()/i.test(readFileSync(join(folder, file), 'utf8')),
    )
    .filter((file) => !/href="#/.test(readFileSync(join(folder, file), 'utf8')));
  expect(strays).toEqual([]);
});
