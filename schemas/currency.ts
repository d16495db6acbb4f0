/**
 * The currencies of ISO 4217 with a minor unit, in alphabetical order. The source is list one of 2024-06-25 with the
 * amendments up to 2026: ZWG and XCG are included, ZWL, ANG, CUC and BGN are not. Codes without a minor unit (gold,
 * special drawing rights, the codes for testing and for no currency) are left out, because they cannot be the currency
 * of a price. Amounts are whole minor units with the decimals that ISO 4217 gives the currency: two for EUR, none for
 * JPY, three for KWD.
 */
export const currencies: readonly string[] = `
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE
    CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF
    GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR
    LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN
    PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS
    TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR
    ZMW ZWG`
  .trim()
  .split(/\s+/);

const withoutDecimals = 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'.split(' ');
const withThree = 'BHD IQD JOD KWD LYD OMR TND'.split(' ');

/**
 * ISO 4217's decimals where they are not two. `Intl` has other figures for some currencies, so it is not asked. The
 * pages have a copy of this (`web/money/money.ts`), which a test compares, because they import nothing of the services.
 */
export const decimalsOtherThanTwo: Readonly<Record<string, number>> = {
  ...Object.fromEntries(withoutDecimals.map((code) => [code, 0])),
  ...Object.fromEntries(withThree.map((code) => [code, 3])),
  CLF: 4,
  UYW: 4,
};

export const decimalsOf = (currency: string): number => decimalsOtherThanTwo[currency] ?? 2;
