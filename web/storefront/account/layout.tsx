import { Link, Outlet, useNavigate } from '@tanstack/react-router';
import { logOut, useUser } from '../../api/login.ts';
import { Button } from '../../kit/button.tsx';
import { Region } from '../../kit/error-boundary.tsx';
import { Page } from '../shell/page.tsx';

const pages = [
  ['/account', 'Orders'],
  ['/account/addresses', 'Addresses'],
  ['/account/preferences', 'Messages'],
  ['/account/sessions', 'Sessions'],
  ['/account/data', 'Your data'],
] as const;

export const AccountLayout = () => {
  const user = useUser();
  const navigate = useNavigate();
  const leave = async () => {
    await navigate({ to: '/' });
    await logOut();
  };
  return (
    <Page
      title={user ? `Hello, ${user.name.split(' ')[0]}` : 'Your account'}
      head={
        <Button look="secondary" onClick={() => void leave()}>
          Log out
        </Button>
      }
    >
      <div className="grid gap-8 md:grid-cols-[12rem_minmax(0,1fr)] md:gap-12">
        <nav aria-label="Account" className="min-w-0">
          <ul className="flex gap-1 overflow-x-auto md:flex-col">
            {pages.map(([to, name]) => (
              <li key={to}>
                <Link
                  to={to}
                  activeOptions={{ exact: true }}
                  activeProps={{ className: 'bg-action-wash text-action font-semibold' }}
                  className="flex min-h-11 items-center whitespace-nowrap rounded-lg px-3 hover:bg-sunken"
                >
                  {name}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="min-w-0">
          <Region>
            <Outlet />
          </Region>
        </div>
      </div>
    </Page>
  );
};
