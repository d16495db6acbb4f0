import { Link } from '@tanstack/react-router';
import { classes } from '../../kit/classes.ts';

/** Where a product or a shelf stands among the categories, the widest first. */
export const Way = ({
  to,
  className,
}: {
  to: readonly { path: string; name: string }[];
  className?: string;
}) => (
  <nav aria-label="You are here" className={classes('min-h-6 text-ink-soft text-sm', className)}>
    <ol className="flex flex-wrap gap-2">
      {to.map(({ path, name }, place) => (
        <li key={path} className="flex gap-2">
          {place > 0 && <span aria-hidden="true">/</span>}
          <Link
            to="/categories/$"
            params={{ _splat: path }}
            className="underline underline-offset-4 hover:text-ink"
          >
            {name}
          </Link>
        </li>
      ))}
    </ol>
  </nav>
);
