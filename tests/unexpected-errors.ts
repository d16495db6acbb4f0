import { afterEach, expect } from 'vitest';
import { takeLoggedErrors } from '#platform/testing/logged-errors';

afterEach(() => {
  expect(takeLoggedErrors(), 'errors in the log that the test has not taken').toEqual([]);
});
