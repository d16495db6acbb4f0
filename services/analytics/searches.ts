import { z } from 'zod';
import { wholeNumber } from '#platform/http/text';
import { type Batches, batchParams, gatheredFrom, isBehind } from './gathered-rows.js';
import type { Period } from './period.js';
import {
  count,
  cutAt,
  endpoint,
  isInTime,
  periodEnd,
  periodParams,
  periodQuery,
  periodRounding,
  type Query,
  reachEnd,
  share,
  truncatedField,
  wholePeriod,
} from './question.js';
import { afterSearch, isSearch, isSplit, resultsOrUnknown, term, touching } from './visit-rows.js';

const daysAsDefault = 30;
const minuteMs = 60_000;

/** What the rows are ordered by, each as an expression over them. */
const rankings = {
  searches: 'searches',
  unanswered: 'searches - answered',
  withoutResult: 'withoutResult',
} as const;

type Ranking = keyof typeof rankings;

export const searches = endpoint({
  name: 'searches',
  id: 'Searches',
  summary: 'What shoppers searched for, and how often they went on to a product.',
  description: `A search is answered if the visit views a product after it, before its next search and within the window. Terms are compared without regard to capitals, blanks around and between words, and compatible forms of characters. ${periodRounding(daysAsDefault)}`,
  querystring: z.strictObject({
    ...periodQuery,
    by: z
      .enum(Object.keys(rankings) as [Ranking, ...Ranking[]])
      .default('searches')
      .describe(
        'The order of the rows, greatest first; `unanswered`: searches that led to no product, `withoutResult`: searches that found none.',
      ),
    windowMinutes: wholeNumber(1, 1_440).prefault(30),
    limit: wholeNumber(1, 100).prefault(20),
  }),
  row: z.object({
    term: z.string(),
    searches: count,
    visits: count.describe('Different visits that searched for it.'),
    answered: count.describe('Searches after which a product was viewed.'),
    added: count.describe('Searches after which a product was put into the cart.'),
    withoutResult: count.describe('Searches that found nothing.'),
    resultsKnown: count.describe(
      'Searches whose event said how many products they found. The others are not counted in `withoutResult`.',
    ),
    clickThroughRate: share.describe('Answered, of all searches for the term.'),
  }),
  also: {
    searches: count.describe('All searches of the period.'),
    terms: count.describe('Different terms.'),
    ...truncatedField,
  },
  question: (asked, nowMs) => {
    const period = wholePeriod(asked, nowMs, daysAsDefault);
    if ('refused' in period) return period;
    return {
      about: 'activity',
      queries: [termsQuery(period, asked.by, asked.windowMinutes * minuteMs, asked.limit + 1)],
      answerOf: ([rows = []]) => answerOf(asked.limit, rows),
    };
  },
});

type Term = {
  term: string;
  searches: number;
  visits: number;
  answered: number;
  added: number;
  withoutResult: number;
  resultsKnown: number;
  allSearches: number;
  allTerms: number;
};

const answerOf = (limit: number, rows: readonly Term[]) => ({
  ...cutAt(
    limit,
    rows.map(({ allSearches: _, allTerms: __, ...row }) => ({
      ...row,
      clickThroughRate: row.answered / row.searches,
    })),
  ),
  searches: rows[0]?.allSearches ?? 0,
  terms: rows[0]?.allTerms ?? 0,
});

const inReach = isInTime('occurred_at', reachEnd);

const momentsOf = (type: string): string => `arraySort(groupArrayIf(occurred_at, type = '${type}'))`;

const isInWindow = (afterMs: string): string => `${afterMs} <= {windowMs:UInt64}`;

/** Each search (`search`) that `visits` have found, and the milliseconds to the first view and addition that belong to it. */
const eachSearch = (visits: string): string => `
    FROM (
      SELECT visit_key, found, found.1 AS products_searched, ${afterSearch('views')} AS viewed_after,
        ${afterSearch('additions')} AS added_after
      FROM (${visits}
      )
    )
    ARRAY JOIN found AS search, viewed_after AS viewed_in, added_after AS added_in`;

const resultCounts = 'countIf(found_count = 0) AS withoutResult, countIf(found_count >= 0) AS resultsKnown';

/**
 * Every action of a visit belongs to the search before it, those of one instant to the last of its searches. Only visits
 * that searched are looked at, and texts are made terms once each, not once a search.
 */
const termsQuery = (period: Period, by: Ranking, windowMs: number, rowsMax: number): Query => ({
  sql: `
  SELECT ${term} AS term, sum(q.searches) AS searches, uniqExactMerge(q.visits) AS visits, sum(q.answered) AS answered,
    sum(q.added) AS added, sum(q.withoutResult) AS withoutResult, sum(q.resultsKnown) AS resultsKnown,
    sum(searches) OVER () AS allSearches, count() OVER () AS allTerms
  FROM (
    SELECT query, count() AS searches, uniqExactState(visit_key) AS visits, countIf(isAnswered) AS answered,
      countIf(isAdded) AS added, ${resultCounts}
    FROM (
      SELECT visit_key, search.3 AS query, search.4 AS found_count, ${isInWindow('viewed_in')} AS isAnswered,
        ${isInWindow('added_in')} AS isAdded
      ${eachSearch(`
          SELECT visit_key, arraySort(groupArrayIf((occurred_at, kafka_offset, query, ${resultsOrUnknown}), ${isSearch})) AS found,
            ${momentsOf('product_viewed')} AS views, ${momentsOf('product_added')} AS additions
          FROM shopper_activity
          WHERE type IN ('products_searched', 'product_viewed', 'product_added') AND ${inReach}
            AND visit_key IN (
              SELECT visit_key FROM shopper_activity
              WHERE ${isSearch} AND ${isInTime('occurred_at')}
            )
          GROUP BY visit_key`)}
      WHERE search.1 < ${periodEnd}
    )
    GROUP BY query
  ) AS q
  GROUP BY term
  ${ranked(by)}`,
  params: { ...periodParams(period), windowMs, rowsMax },
  gathered: gatheredFrom('visits', (made) => ({
    sql: byVisitSql(by, made),
    params: { ...periodParams(period), ...batchParams(made), windowMs, rowsMax },
  })),
});

/** Visits in several batches have the actions after a search looked up anew, since some may be in another one. */
const byVisitSql = (by: Ranking, made: Batches): string => `
  SELECT term, count() AS searches, uniqExact(visit_key) AS visits, countIf(isAnswered) AS answered,
    countIf(isAdded) AS added, ${resultCounts}, sum(searches) OVER () AS allSearches, count() OVER () AS allTerms
  FROM (
    SELECT visit_key, searched_at, term, ${isInWindow('viewed_in')} AS isAnswered, ${isInWindow('added_in')} AS isAdded,
      found_count
    FROM visit_actions
    ARRAY JOIN products_searched AS searched_at, terms AS term, viewed_after AS viewed_in, added_after AS added_in,
      results AS found_count
    PREWHERE ${touching(reachEnd)} AND NOT ${isSplit(made)}
    UNION ALL
    SELECT visit_key, search.1 AS searched_at, search.3 AS term, ${isInWindow('viewed_in')}, ${isInWindow('added_in')}, search.4
    ${eachSearch(`
      SELECT visit_key, arraySort(groupArrayArray(part.searched)) AS found, arraySort(groupArrayArray(part.viewed)) AS views,
        arraySort(groupArrayArray(part.added)) AS additions
      FROM (
        SELECT visit_key, product_viewed AS viewed, product_added AS added,
          arrayMap(
            (at, nth, term, found_count) ->
              (at, toUInt64(indexOf({batches:Array(UInt64)}, batch) * ${perBatch} + nth), term, found_count),
            products_searched, arrayEnumerate(terms), terms, results) AS searched
        FROM visit_actions PREWHERE ${touching(reachEnd)} AND ${isSplit(made)}
        UNION ALL
        SELECT visit_key, if(type = 'product_viewed', [occurred_at], []), if(type = 'product_added', [occurred_at], []),
          if(${isSearch}, [(occurred_at, toUInt64(${behindAll} + kafka_offset), ${term}, ${resultsOrUnknown})], [])
        FROM shopper_activity WHERE ${isBehind(made)} AND ${inReach}
      ) AS part
      GROUP BY visit_key
      HAVING notEmpty(found)`)}
  )
  WHERE ${isInTime('searched_at')}
  GROUP BY term
  ${ranked(by)}`;

const perBatch = 4_294_967_296;
/** What is behind all batches comes after that of any. */
const behindAll = '4611686018427387904';

const ranked = (by: Ranking): string =>
  `ORDER BY ${rankings[by]} DESC, searches DESC, term
  LIMIT {rowsMax:UInt32}`;
