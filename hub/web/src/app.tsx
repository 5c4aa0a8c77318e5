// Who is here, and which page they asked for. Pages beyond the first two are loaded when opened.
import { Button } from "@mantine/core";
import { Component, lazy, type ReactNode, Suspense, useEffect, useMemo } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { needsOf } from "./answer/fleet";
import { useSignOut } from "./api/changes";
import { isOpen, useFleet, usePulls, useSession } from "./api/reads";
import type { Fleet } from "./api/types";
import { useLive, useLiveState } from "./live/stream";
import { FleetPage } from "./pages/FleetPage";
import { SetUpPage } from "./pages/SetUpPage";
import { SignInPage } from "./pages/SignInPage";
import { Find, type Found } from "./parts/Find";
import { Shell } from "./parts/Shell";
import { Empty, Failure, Loading } from "./parts/Trouble";
import { useText } from "./text";
import { trustHubClock, useNow } from "./time/shown";

const SitePage = lazy(() => import("./pages/SitePage"));
const AgentPage = lazy(() => import("./pages/AgentPage"));
const AddCameraPage = lazy(() => import("./pages/AddCameraPage"));
const CameraPage = lazy(() => import("./pages/CameraPage"));
const ChangeCameraPage = lazy(() => import("./pages/ChangeCameraPage"));
const RequestsPage = lazy(() => import("./pages/RequestsPage"));
const RequestPage = lazy(() => import("./pages/RequestPage"));
const TokensPage = lazy(() => import("./pages/TokensPage"));
const JournalPage = lazy(() => import("./pages/JournalPage"));

export function App() {
  const session = useSession();
  const [path] = useLocation();
  if (path === "/setup") return <SetUpPage />;
  if (session.isPending) return <div className="door" aria-busy="true" />;
  if (session.isError) {
    return (
      <div className="door">
        <Failure error={session.error} again={() => session.refetch()} />
      </div>
    );
  }
  if (!session.data) return <SignInPage />;
  return <Inside person={session.data.name} />;
}

function Inside({ person }: { person: string }) {
  useLive(true);
  const live = useLiveState();
  const fleet = useFleet();
  const pulls = usePulls();
  const signOut = useSignOut();
  const now = useNow(10_000);
  const [path, go] = useLocation();
  const found = useMemo(() => (fleet.data ? findable(fleet.data) : []), [fleet.data]);
  const needs = useMemo(() => (fleet.data ? needsOf(fleet.data, now).length : 0), [fleet.data, now]);
  const open = pulls.data?.pulls.filter((p) => isOpen(p.state)).length ?? 0;
  // A new snapshot brings the hub's clock; changes folded into it keep the old reading, and are no occasion.
  const hub = fleet.data?.hub;
  useEffect(() => {
    if (hub) trustHubClock(hub.now_ms);
  }, [hub]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: every page begins at its top
  useEffect(() => {
    // Scrolling answers with a promise in newer browsers, which is no clean-up.
    void window.scrollTo(0, 0);
  }, [path]);
  return (
    <Shell
      person={person}
      needs={needs}
      open={open}
      live={live}
      onSignOut={() => signOut.mutate()}
      find={<Find all={found} onGo={go} />}
    >
      <Guard key={path}>
        <Suspense fallback={<Loading rows={3} height={90} />}>
          <Switch>
            <Route path="/" component={FleetPage} />
            <Route path="/sites/:id">{({ id }) => <SitePage id={id} />}</Route>
            <Route path="/agents/:id">{({ id }) => <AgentPage id={id} />}</Route>
            <Route path="/agents/:id/add-camera">{({ id }) => <AddCameraPage agent={id} />}</Route>
            <Route path="/cameras/:id">{({ id }) => <CameraPage key={id} id={id} />}</Route>
            <Route path="/cameras/:id/change">{({ id }) => <ChangeCameraPage key={id} id={id} />}</Route>
            <Route path="/requests" component={RequestsPage} />
            <Route path="/pulls/:id">{({ id }) => <Redirect to={`/requests/${id}`} replace />}</Route>
            <Route path="/requests/:id">{({ id }) => <RequestPage key={id} id={id} />}</Route>
            <Route path="/tokens" component={TokensPage} />
            <Route path="/journal" component={JournalPage} />
            <Route component={Nowhere} />
          </Switch>
        </Suspense>
      </Guard>
    </Shell>
  );
}

function findable(fleet: Fleet): Found[] {
  return fleet.sites.flatMap((site) => [
    { path: `/sites/${site.id}`, name: site.name, kind: "site" as const, where: site.time_zone },
    ...site.cameras.map((c) => ({ path: `/cameras/${c.id}`, name: c.name, kind: "camera" as const, where: site.name })),
    ...site.agents.map((a) => ({ path: `/agents/${a.id}`, name: a.name, kind: "agent" as const, where: site.name })),
  ]);
}

function Nowhere() {
  const text = useText();
  const [, go] = useLocation();
  return (
    <Empty what={text.problem.notFound} next={text.problem.notFoundNext}>
      <Button onClick={() => go("/")}>{text.problem.toFleet}</Button>
    </Empty>
  );
}

/** A page that breaks says so and leaves the frame standing. */
class Guard extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };
  static getDerivedStateFromError() {
    return { broken: true };
  }
  override render() {
    return this.state.broken ? <Broken /> : this.props.children;
  }
}

function Broken() {
  const text = useText();
  return (
    <Empty what={text.problem.crashed} next={text.problem.crashedNext}>
      <Button onClick={() => window.location.reload()}>{text.problem.reload}</Button>
    </Empty>
  );
}
