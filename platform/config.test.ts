import { describe, expect, it } from 'vitest';
import { envSchema, loadConfig, setting } from './config.js';
import { PlatformError } from './errors.js';

const schema = envSchema({
  port: ['X_PORT', setting.port],
  urls: ['X_URLS', setting.urls],
  level: ['X_LEVEL', setting.oneOf('low', 'high').default('low')],
  retriesMax: ['X_RETRIES_MAX', setting.integer(0, 9).default(3)],
  isOn: ['X_ON', setting.flag.default(false)],
});

const good = { X_PORT: '80', X_URLS: 'http://a/, https://b' };

describe('configuration', () => {
  it('is read by name, with defaults for what is unset or empty, and cannot change', () => {
    const config = loadConfig(schema, { ...good, X_LEVEL: '', X_ON: '1', UNRELATED: 'x' });
    expect(config).toEqual({
      port: 80,
      urls: ['http://a', 'https://b'],
      level: 'low',
      retriesMax: 3,
      isOn: true,
    });
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('reports every problem at once, under the name it is set by', () => {
    const load = () =>
      loadConfig(schema, { X_URLS: 'http://a,b', X_LEVEL: 'mid', X_RETRIES_MAX: '1.5', X_ON: 'si' });
    expect(load).toThrow(PlatformError);
    expect(load).toThrow(
      [
        'configuration invalid:',
        '  X_PORT must be a number',
        '  X_URLS must be http(s) URLs, separated by commas',
        '  X_LEVEL must be low or high',
        '  X_RETRIES_MAX must be a whole number',
        '  X_ON must be true or false',
      ].join('\n'),
    );
  });

  it('does not take an empty port for port 0', () => {
    expect(() => loadConfig(schema, { ...good, X_PORT: '' })).toThrow('X_PORT must be a number');
    expect(loadConfig(schema, { ...good, X_PORT: '0' }).port).toBe(0);
  });
});
