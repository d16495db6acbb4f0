import { expect, it } from 'vitest';
import { linksOf } from './platform-links.js';

it('a password with which the platform logs in at a tool is in no link, which everybody may read', () => {
  const config = {
    zipkinUrl: 'http://tracer:secret@zipkin.example:9411',
    prometheusUrl: 'https://tok%40en@metrics.example/prometheus/',
    mailboxUrl: 'http://:secret@mail.example',
  };
  expect(linksOf(config)).toEqual({
    zipkinUrl: 'http://zipkin.example:9411',
    prometheusUrl: 'https://metrics.example/prometheus/',
    mailboxUrl: 'http://mail.example',
  });
  expect(linksOf({ ...config, zipkinPageUrl: 'http://me:secret@localhost:9411/' })).toMatchObject({
    zipkinUrl: 'http://localhost:9411/',
  });
  expect(linksOf({}).zipkinUrl).toBeUndefined();
});
