// What travels and what a panel holds, as types. The Python schema is the source.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export type NodeStatus =
  | "idle"
  | "running"
  | "waiting"
  | "retrying"
  | "completed"
  | "failed"
  | "skipped"
  | "cancelled";

export type RunStatus =
  | "running"
  | "waiting"
  | "paused"
  | "stalled"
  | "completed"
  | "failed"
  | "cancelled"
  | "lost";

export type TokenKind = "text" | "reasoning" | "tool_call";
export type ApprovalState = "open" | "answered" | "timed_out" | "cancelled";

export interface Problem {
  code: string;
  message: string;
  node_id?: string | null;
}

export interface By {
  user?: string | null;
  via?: string;
  at?: string;
  kind?: "human" | "policy" | "script";
}

export interface GraphNode {
  id: string;
  label: string;
  kind: "node" | "batch" | "graph";
  path: string[];
}

export interface GraphEdge {
  source: string;
  target: string;
  action: string;
}

export interface GraphSpec {
  name: string;
  start: string | null;
  nodes: GraphNode[];
  edges: GraphEdge[];
  svg: string | null;
}

// ---- events -------------------------------------------------------------

interface RunEvent {
  run_id: string;
  workflow?: string;
  workflow_id?: string;
  seq?: number;
  timestamp?: string;
}

interface NodeEvent extends RunEvent {
  node_id: string;
  task_id?: string | null;
  attempt?: number | null;
  path?: string[];
}

export interface WorkflowStarted extends RunEvent {
  type: "workflow_started";
  graph?: Partial<Omit<GraphSpec, "nodes" | "edges">> & {
    nodes?: (Pick<GraphNode, "id" | "label"> & Partial<GraphNode>)[];
    edges?: (Pick<GraphEdge, "source" | "target"> & Partial<GraphEdge>)[];
  };
  params?: Record<string, Json>;
  session_id?: string | null;
  resumed_from?: string | null;
}

export interface NodeUpdate extends NodeEvent {
  type: "node_update";
  status: Exclude<NodeStatus, "idle">;
  progress?: number | null;
  message?: string | null;
  duration?: number | null;
  action?: string | null;
  error?: Problem | null;
  via?: { node_id: string; action?: string } | null;
}

export interface Step extends RunEvent {
  type: "step";
  messages: Json[];
  state: Record<string, Json>;
  next: string | null;
  next_nodes: string[];
}

export interface Progress extends NodeEvent {
  type: "progress";
  data: {
    percent: number;
    current?: number | null;
    total?: number | null;
    message?: string | null;
    item?: string | null;
  };
}

export interface Token extends NodeEvent {
  type: "token";
  data: string;
  stream: string;
  index?: number;
  kind?: TokenKind;
  final?: boolean;
}

export interface Message extends NodeEvent {
  type: "message";
  data: { role: string; content: Json };
}

export interface ApprovalRequest extends NodeEvent {
  type: "approval_request";
  data: {
    approval_id: string;
    args_hash: string;
    message: string;
    options?: Json[] | null;
    payload?: Json;
    schema?: Record<string, Json> | null;
    kind?: string;
    name?: string | null;
    expires_at?: string | null;
    on_timeout?: Json;
    need?: number;
    approvers?: string[] | null;
  };
}

export interface ApprovalResolved extends NodeEvent {
  type: "approval_resolved";
  data: {
    approval_id: string;
    outcome: Exclude<ApprovalState, "open">;
    value?: Json;
    by?: By | null;
    votes?: Json[] | null;
    reason?: string | null;
  };
}

export interface ResultEvent extends NodeEvent {
  type: "result";
  data: Json;
  truncated?: boolean;
}

export interface Log extends NodeEvent {
  type: "log";
  data: { stream: "stdout" | "stderr" | "logging"; text: string; level?: string | null };
}

export interface WorkflowCompleted extends RunEvent {
  type: "workflow_completed";
  data?: Json;
}

export interface WorkflowFailed extends RunEvent {
  type: "workflow_failed";
  error: Problem;
}

export interface WorkflowCancelled extends RunEvent {
  type: "workflow_cancelled";
  reason?: string | null;
  by?: By | null;
}

export interface WorkflowPaused extends RunEvent {
  type: "workflow_paused";
}

export interface WorkflowResumed extends RunEvent {
  type: "workflow_resumed";
}

export interface WorkflowStalled extends RunEvent {
  type: "workflow_stalled";
}

export interface WorkflowLost extends RunEvent {
  type: "workflow_lost";
  reason?: string;
  resumable?: boolean;
}

export type KnownEvent =
  | WorkflowStarted
  | NodeUpdate
  | Step
  | Progress
  | Token
  | Message
  | ApprovalRequest
  | ApprovalResolved
  | ResultEvent
  | Log
  | WorkflowCompleted
  | WorkflowFailed
  | WorkflowCancelled
  | WorkflowPaused
  | WorkflowResumed
  | WorkflowStalled
  | WorkflowLost;

/** A run's event; any other `type` is a name of the node's own. */
export interface AnyEvent extends RunEvent {
  type: string;
  node_id?: string;
  data?: any;
  [field: string]: any;
}

// ---- replies ------------------------------------------------------------

/** Any frame from a server, before it is told apart by `type`. */
export interface Frame {
  type: string;
  [field: string]: any;
}

// ---- the view -----------------------------------------------------------

export interface ProgressView {
  percent: number;
  current: number | null;
  total: number | null;
  message: string | null;
}

export interface NodeView {
  status: NodeStatus;
  visits: number;
  task_id: string | null;
  attempt: number;
  progress: ProgressView | null;
  items: Record<string, ProgressView>;
  message: string | null;
  duration: number | null;
  action: string | null;
  error: Problem | null;
}

export interface EdgeView {
  source: string;
  action: string;
  target: string;
  count: number;
}

export interface StreamView {
  stream: string;
  node_id: string;
  task_id: string | null;
  attempt: number | null;
  kind: TokenKind;
  text: string;
  /** In code points, which is not `text.length`. */
  length: number;
  final: boolean;
}

export interface ApprovalView {
  approval_id: string;
  node_id: string;
  task_id: string | null;
  args_hash: string;
  message: string;
  options: Json[] | null;
  payload: Json;
  schema: Record<string, Json> | null;
  kind: string;
  name: string | null;
  expires_at: string | null;
  on_timeout: Json;
  need: number;
  approvers: string[] | null;
  opened_at: string;
  state: ApprovalState;
  value: Json;
  by: By | null;
  reason: string | null;
}

export interface MessageView {
  node_id: string;
  role: string;
  content: Json;
}

export interface LogView {
  node_id: string;
  task_id: string | null;
  stream: string;
  level: string | null;
  text: string;
}

export interface VisitView {
  node_id: string;
  task_id: string | null;
  status: string;
  started_at: string;
  ended_at: string | null;
  attempts: number;
  duration: number | null;
}

export interface CustomView {
  type: string;
  node_id: string;
  data: Json;
}

export interface RunView {
  run_id: string;
  workflow: string;
  status: RunStatus;
  seq: number;
  started_at: string | null;
  ended_at: string | null;
  params: Record<string, Json>;
  session_id: string | null;
  graph: GraphSpec;
  nodes: Record<string, NodeView>;
  edges: EdgeView[];
  active_edge: Omit<EdgeView, "count"> | null;
  streams: StreamView[];
  approvals: ApprovalView[];
  messages: MessageView[];
  results: Record<string, Json>;
  logs: LogView[];
  logs_dropped: number;
  timeline: VisitView[];
  timeline_dropped: number;
  custom: CustomView[];
  custom_dropped: number;
  result: Json;
  error: Problem | null;
}
