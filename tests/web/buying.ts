import type { Page } from 'playwright-core';

/** From the product's page to the step of the payment, by keyboard where a form is filled. */
export const goToPayment = async (page: Page, gateway: string, productId: string): Promise<void> => {
  await page.goto(`${gateway}/products/${productId}`);
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.getByRole('link', { name: 'Go to the checkout' }).click();
  await page.getByLabel('E-mail').fill('ada@example.com');
  await page.keyboard.press('Enter');
  await page.getByLabel('Name').fill('Ada Lovelace');
  await page.getByLabel('Street and number').fill('1 Engine Row');
  await page.getByLabel('Postal code').fill('N1 1AA');
  await page.getByLabel('Town or city').fill('London');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Pay £19.99' }).waitFor();
};

export const pay = async (page: Page, outcome: string, sum = '£19.99'): Promise<void> => {
  await page.getByRole('radio', { name: outcome }).check();
  await page.getByRole('button', { name: `Pay ${sum}` }).click();
};

export const password = 'correct horse battery';

/** Opens an account on its page; `next` is where the shop goes on to. */
export const register = async (
  page: Page,
  gateway: string,
  { name, email, next }: { name: string; email: string; next: string },
): Promise<void> => {
  await page.goto(`${gateway}/register?next=${next}`);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.keyboard.press('Enter');
};
