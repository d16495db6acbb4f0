import { describe, expect, it } from 'vitest';
import { dataFolderIn, parseOptions, UsageError } from './options.js';

describe('the options of npm start', () => {
  it('have the defaults of the contract', () => {
    expect(parseOptions([], {})).toMatchObject({
      port: 8000,
      dataDir: '.local',
      fresh: false,
      traffic: true,
      catalogSize: 1000,
      separate: false,
      limits: 'relaxed',
    });
  });

  it('are read from flags, with a value behind them or behind an equals sign', () => {
    const args = ['--port', '8080', '--data=/tmp/x', '--fresh', '--no-traffic', '--catalog', '50'];
    expect(
      parseOptions([...args, '--separate', '--instances', 'order=2,payment=3', '--limits=strict'], {}),
    ).toMatchObject({
      port: 8080,
      dataDir: '/tmp/x',
      fresh: true,
      traffic: false,
      catalogSize: 50,
      separate: true,
      instances: { order: 2, payment: 3 },
      limits: 'strict',
    });
  });

  it('are read from the environment, and a flag wins over it', () => {
    const env = { PORT: '9000', CARTSTREAM_TRAFFIC: 'false', CARTSTREAM_CATALOG: '7', LIMITS: 'strict' };
    expect(parseOptions(['--port', '9001'], env)).toMatchObject({
      port: 9001,
      traffic: false,
      catalogSize: 7,
      limits: 'strict',
    });
  });

  it.each(['/tmp/dätä x', '/tmp/a,b', '../x:y', '/tmp/(1) = $HOME @ ~!'])(
    'take the data folder %j',
    (dir) => {
      expect(parseOptions(['--data', dir], {}).dataDir).toBe(dir);
      expect(parseOptions([], { CARTSTREAM_DATA: dir }).dataDir).toBe(dir);
    },
  );

  it.each(['a?b', 'a*b', 'a\nb', "a'b", 'a"b', 'a\\b', 'a#b', 'a%20b', 'a;b', 'a{b}', 'a[b]', 'a&b'])(
    'refuse the data folder %j in one line that names the characters',
    (dir) => {
      const refusal =
        /^--data takes a folder without any of \\ " ' ` \? \* # % & ; \{ \} \[ \] and .*, not ".*"$/;
      expect(() => parseOptions(['--data', dir], {})).toThrow(refusal);
    },
  );

  it.each([
    [['--prot', '1'], 'unknown option "--prot"'],
    [['8000'], 'unknown option "8000"'],
    [['--port'], '--port needs a value'],
    [['--port', 'abc'], '--port takes a whole number from 0 to 65535, not "abc"'],
    [['--port', '70000'], '--port takes a whole number from 0 to 65535, not "70000"'],
    [['--fresh=yes'], '--fresh takes no value'],
    [['--limits', 'none'], '--limits is relaxed or strict, not "none"'],
    [['--separate', '--instances', 'order'], '--instances takes service=N, not "order"'],
    [['--instances', 'order=2'], '--instances goes with --separate'],
  ])('refuse %j in one line', (args, message) => {
    expect(() => parseOptions(args, {})).toThrow(new UsageError(message));
  });
});

describe('the data folder', () => {
  it('is where npm was called if it was named, and else in the checkout', () => {
    const env = { INIT_CWD: '/home/ada' };
    expect(dataFolderIn('/checkout', undefined, env)).toBe('/checkout/.local');
    expect(dataFolderIn('/checkout', parseOptions([], {}).dataDir, env)).toBe('/checkout/.local');
    expect(dataFolderIn('/checkout', 'shop', env)).toBe('/home/ada/shop');
    expect(dataFolderIn('/checkout', '/data', env)).toBe('/data');
    expect(dataFolderIn('/checkout', 'shop', {})).toBe('/checkout/shop');
  });
});
