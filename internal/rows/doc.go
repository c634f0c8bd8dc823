// Package rows reads and writes entries in the three formats of import and
// export: ndjson (one object a line), json (one array of objects) and csv (a
// header, then a row a line). The entry's id is a field of the row; in the store
// it is no part of the record.
//
// Nothing is held whole: a Reader holds one row, a Writer none. Only the csv
// Writer needs the names of all fields before its first row.
package rows
