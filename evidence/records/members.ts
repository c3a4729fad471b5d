/** Reads members of an entry's data, whatever somebody wrote there. */
import type { Entry } from '../../ledger/entry.ts'
import { receiptText } from '../index/filter.ts'

type Data = Entry['data']

/** Empty where it is not there, or is no text. */
export function textIn(data: Data, key: string): string {
  const value = Object.hasOwn(data, key) ? data[key] : ''
  return typeof value === 'string' ? value : ''
}

/** Null where it is not there, or is no integer. */
export function integerIn(data: Data, key: string): number | null {
  const value = Object.hasOwn(data, key) ? data[key] : null
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null
}

/** Empty where it is not there, or is no object. */
export function membersIn(data: Data, key: string): Data {
  const value = Object.hasOwn(data, key) ? data[key] : null
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Data) : {}
}

/** The code of the reason that decides; empty where none is told. */
export function codeIn(data: Data): string {
  const { reasons } = data
  const first: unknown = Array.isArray(reasons) ? reasons[0] : null
  if (typeof first !== 'object' || first === null || !('code' in first)) return ''
  return typeof first.code === 'string' ? first.code : ''
}

/** The receipt of an entry, as it is written everywhere. */
export const receiptIn = (entry: Entry | null): string => (entry === null ? '' : receiptText(entry))
