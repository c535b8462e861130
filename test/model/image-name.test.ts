import { describe, expect, it } from "vitest";
import {
  baseName,
  behindPrefix,
  fullName,
  isLoopback,
  isRegistry,
  parentOf,
  repositoryOf,
  splitName,
} from "../../src/model/image-name.js";

describe("isRegistry()", () => {
  it.each([
    "k8s.gcr.io",
    "docker.io/library",
    "gcr.io/kubernetes-e2e-test-images",
    "localhost",
    "localhost:5000",
    "registry:5000/k8s",
    "127.0.0.1:5000/a/b",
  ])("takes %s", (text) => {
    expect(isRegistry(text)).toBe(true);
  });

  it.each([
    "",
    "library",
    "library/nginx",
    "https://k8s.gcr.io",
    "k8s.gcr.io/",
    "k8s.gcr.io/Upper",
    "k8s.gcr.io:port",
    "k8s.gcr.io:5000000",
    "k8s.gcr.io/pause:3.1",
    "-x.io",
    "a.b c",
  ])("refuses %j", (text) => {
    expect(isRegistry(text)).toBe(false);
  });
});

describe("names", () => {
  it("come apart and together", () => {
    const name = "r.example:5000/e2e/volume/nfs:1.0";
    expect(splitName(name)).toEqual({ host: "r.example:5000", path: "e2e/volume/nfs", tag: "1.0" });
    expect(repositoryOf(name)).toBe("r.example:5000/e2e/volume/nfs");
    expect(baseName(name)).toBe("nfs");
    expect(parentOf(name)).toBe("r.example:5000/e2e/volume");
    expect(fullName("debian:bookworm")).toBe("docker.io/library/debian:bookworm");
  });

  it("keep the path below their host behind a prefix", () => {
    expect(behindPrefix("k8s.gcr.io", "r:5000/k8s")).toBe("r:5000/k8s");
    expect(behindPrefix("gcr.io/google-samples", "r:5000/k8s")).toBe("r:5000/k8s/google-samples");
  });

  it("tell this machine's registries", () => {
    expect(["localhost", "localhost:5000/x", "127.0.0.1:5000/x"].every(isLoopback)).toBe(true);
    expect(["localhost.example", "127.example", "10.0.0.1:5000"].some(isLoopback)).toBe(false);
  });
});
