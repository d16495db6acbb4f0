import { Link } from '@tanstack/react-router';
import { buttonClasses } from '../../kit/button.tsx';
import { Empty } from '../../kit/empty.tsx';
import { Page } from './page.tsx';

export const NotFound = () => (
  <Page title="Nothing at this address" isTitleHidden>
    <Empty
      title="Nothing at this address"
      act={
        <Link to="/" className={buttonClasses()}>
          To the shop
        </Link>
      }
    >
      The page may have moved, or the product may not be sold any more.
    </Empty>
  </Page>
);
