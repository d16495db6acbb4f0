import { Link, Navigate } from '@tanstack/react-router';
import { useUser } from '../../api/login.ts';
import { buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { Page } from '../shell/page.tsx';
import { keptOrderIds } from './order-tokens.ts';
import { shortNumber } from './order-words.ts';

/** Orders of an account are in the account; a guest finds those of this browser, and how to reach the others. */
export const YourOrdersPage = () => {
  const user = useUser();
  if (user !== undefined) return <Navigate to="/account" replace />;
  const kept = keptOrderIds();
  return (
    <Page title="Your orders" isNarrow>
      {kept.length > 0 && (
        <ul className="divide-y divide-line rounded-2xl border border-line bg-surface">
          {kept.map((orderId) => (
            <li key={orderId}>
              <Link
                to="/orders/$orderId"
                params={{ orderId }}
                className="flex min-h-13 items-center justify-between gap-4 px-6 hover:bg-sunken"
              >
                <span>
                  Order <strong className="font-semibold">{shortNumber(orderId)}</strong>
                </span>
                <span className="text-action text-sm">Open</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
      <Empty
        title={kept.length > 0 ? 'Another one?' : 'Looking for an order?'}
        act={
          <Link to="/login" search={{ next: '/account' }} className={buttonClasses()}>
            Log in
          </Link>
        }
      >
        Orders of an account are listed after you log in. If you bought as a guest, this page lists your
        orders in the browser that you bought with.
      </Empty>
    </Page>
  );
};
