import { expect, it } from 'vitest';
import { csvOf } from './csv.ts';

it('quotes what has to be quoted and disarms formulas', () => {
  const rows = [
    ['=1+1', 'a,b', 'say "hi"', null],
    ['+x', -5, undefined, 'two\nlines'],
  ];
  expect(csvOf(['term', 'n'], rows)).toBe('term,n\r\n\'=1+1,"a,b","say ""hi""",\r\n\'+x,-5,,"two\nlines"');
});
