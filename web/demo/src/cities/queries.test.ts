import { expect, test } from "vitest";
import { spellings, toQuery } from "./queries.js";

test("a prefix is tried as typed and with capitals", () => {
  expect(spellings("san jo")).toEqual(["san jo", "San jo", "San Jo"]);
  expect(spellings("Berlin")).toEqual(["Berlin"]);
  expect(spellings("é")).toEqual(["é", "É"]);
});

test("what is not asked for is not in the query", () => {
  expect(toQuery({ prefix: "", country: "", sort: "name", direction: "asc" })).toEqual({ in: "cities", where: {}, sort: [{ name: "asc" }] });
  expect(toQuery({ prefix: "B", country: "DE", sort: "lat", direction: "desc" })).toEqual({
    in: "cities",
    where: { country: "DE", $or: [{ name: { $beginsWith: "B" } }] },
    sort: [{ lat: "desc" }, "name"],
  });
});
