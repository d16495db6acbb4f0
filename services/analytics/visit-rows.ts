import { termInSql } from '#schemas/search-term';
import { shopperActions } from '#schemas/shopper-actions';
import { type Batches, isBehind, live } from './gathered-rows.js';
import { isInTime, periodEnd } from './question.js';

/**
 * The statements over `visit_actions`, which has one row for each visit of a batch of Kafka offsets. A visit that goes on in
 * a later batch, or behind the last one, is put together anew from all of its actions.
 */

export const term = termInSql('query');

type ShopperAction = (typeof shopperActions)[number];

export const isSearch = "type = 'products_searched'";
const never = '18446744073709551615';
/** How many products a search found; -1 where that is not known. */
export const resultsOrUnknown = 'ifNull(results, -1)';

/** Actions of `shopper_activity` as `visitsOf` takes them; `nth` orders those of one instant. */
export const rawActions = (where: string, nth = 'kafka_offset'): string => `
      SELECT visit_key, user_key, type, occurred_at AS at, ${nth} AS nth, if(${isSearch}, ${term}, '') AS term,
        ${resultsOrUnknown} AS found_count
      FROM shopper_activity WHERE ${where}`;

/**
 * For each of `products_searched` the milliseconds to the first of `moments` before the next search, else `never`: both are
 * in order. As doubled milliseconds, and one more for a moment, they are put into one order, in which a moment comes after
 * all searches of its instant, so that a look at what comes next is enough. A function that compares each search with all
 * moments would copy them for each: of a visit of thousands of both, more than a question may take.
 */
export const afterSearch = (moments: string): string => {
  const doubled = (ats: string) => `arrayMap(at -> 2 * toUnixTimestamp64Milli(at), ${ats})`;
  const all = `${moments}_and_searches`;
  return `arrayFilter((_, each) -> bitAnd(each, 1) = 0,
        arrayMap((each, next) -> if(bitAnd(next, 1) = 1, toUInt64(intDiv(next - each, 2)), ${never}),
          arraySort(arrayConcat(${doubled('products_searched')}, arrayMap(at -> at + 1, ${doubled(moments)}))) AS ${all},
          arrayPopFront(arrayPushBack(${all}, 0))),
        ${all})`;
};

const sortedMoments = shopperActions
  .filter((action) => action !== 'products_searched')
  .map((action) => `arraySort(groupArrayIf(at, type = '${action}')) AS ${action}`);

/** The columns of `visit_actions` that `visitsOf` makes. */
export const visitColumns = [
  ...['visit_key', 'first_at', 'last_at', 'accounts', 'account_ats'],
  ...shopperActions,
  ...['terms', 'viewed_after', 'added_after', 'results'],
].join(', ');

/**
 * A row of `visit_actions`, but for its batch, for each visit of `actions`. Every action belongs to the search before it,
 * those of one instant to the last of its searches.
 */
export const visitsOf = (actions: string): string => `
    SELECT visit_key, first_at, last_at, arrayDistinct(known.1) AS accounts,
      arrayMap(ats -> arraySort(ats), arraySplit((at, account, before) -> account != before,
        known.2, known.1, arrayPopBack(arrayPushFront(known.1, known.1[1])))) AS account_ats,
      ${shopperActions.join(', ')}, found.3 AS terms,
      ${afterSearch('product_viewed')} AS viewed_after, ${afterSearch('product_added')} AS added_after,
      found.4 AS results
    FROM (
      SELECT visit_key, min(at) AS first_at, max(at) AS last_at,
        arraySort(each -> each.1, groupArrayIf((user_key, at), user_key != 0)) AS known, ${sortedMoments.join(', ')},
        arraySort(groupArrayIf((at, nth, term, found_count), ${isSearch})) AS found, found.1 AS products_searched
      FROM (${actions}
      )
      GROUP BY visit_key
    )`;

/** The moments of an action of a visit that has done nothing else. */
const asVisit = (action: ShopperAction): string => `if(type = '${action}', [occurred_at], [])`;

/** The rows of visits with an action from the beginning of the period to `end`. */
export const touching = (end: string): string =>
  `${live} AND last_at >= {from:DateTime('UTC')} AND first_at < ${end}`;

/** The condition of the visits that several batches have, or one and what is behind them. */
export const isSplit = (made: Batches): string => `visit_key IN (
          SELECT visit_key FROM visit_continuations WHERE ${live}
          UNION ALL SELECT visit_key FROM shopper_activity WHERE ${isBehind(made)}
        )`;

/**
 * A row with `columns` for each visit with an action from the beginning of the period to `end`. Its actions outside of
 * this time may be in it.
 */
export const visitsUntil = (end: string, columns: readonly ShopperAction[], made: Batches): string => `
      SELECT visit_key, ${columns.join(', ')} FROM visit_actions WHERE ${touching(end)} AND NOT ${isSplit(made)}
      UNION ALL
      SELECT visit_key, ${columns.map((column) => `arraySort(groupArrayArray(part.${column})) AS ${column}`).join(', ')}
      FROM (
        SELECT visit_key, ${columns.join(', ')} FROM visit_actions PREWHERE ${touching(end)} AND ${isSplit(made)}
        UNION ALL
        SELECT visit_key, ${columns.map((column) => asVisit(column)).join(', ')}
        FROM shopper_activity WHERE ${isBehind(made)} AND ${isInTime('occurred_at', end)}
      ) AS part
      GROUP BY visit_key`;

const happens = (moments: string): string => `arrayExists(at -> ${isInTime('at')}, ${moments})`;
/** Its first action before the period, and its last behind it. */
const isAround = `(first_at < {from:DateTime('UTC')} AND last_at >= ${periodEnd})`;

/**
 * A row for each visit of the period: whether it viewed, added and checked out in the period, how often it searched, and the
 * accounts that its actions of the period show.
 */
export const visitsOfPeriod = (made: Batches): string => `
    SELECT notEmpty(product_viewed) AS viewed, notEmpty(product_added) AS added, notEmpty(checkout_started) AS checkedOut,
      length(products_searched) AS searched, accounts
    FROM visit_actions
    WHERE ${live} AND first_at >= {from:DateTime('UTC')} AND last_at < ${periodEnd} AND NOT ${isSplit(made)}
    UNION ALL
    SELECT max(part.viewed), max(part.added), max(part.checkedOut), sum(part.searched), groupUniqArrayArray(part.accounts)
    FROM (
      SELECT visit_key, ${happens('product_viewed')} AS viewed, ${happens('product_added')} AS added,
        ${happens('checkout_started')} AS checkedOut, arrayCount(at -> ${isInTime('at')}, products_searched) AS searched,
        arrayFilter((account, ats) -> ${happens('ats')}, v.accounts, account_ats) AS accounts,
        NOT ${isAround} OR ${happens(`arrayConcat(${shopperActions.join(', ')})`)} AS isThere
      FROM visit_actions AS v
      PREWHERE ${touching(periodEnd)} AND (first_at < {from:DateTime('UTC')} OR last_at >= ${periodEnd} OR ${isSplit(made)})
      UNION ALL
      SELECT visit_key, type = 'product_viewed', type = 'product_added', type = 'checkout_started', toUInt64(${isSearch}),
        if(user_key = 0, [], [user_key]), true
      FROM shopper_activity WHERE ${isBehind(made)} AND ${isInTime('occurred_at')}
    ) AS part
    GROUP BY visit_key
    HAVING max(part.isThere)`;
