"""A captured network with all that does not depend on its input computed once."""

from torch import fx, nn

from onebyone.graphs.capture import Captured


def folded(captured: Captured) -> fx.GraphModule:
    """Fold BatchNorm into constant weights, as one does for crops.

    Args:
        captured: a network that takes [N, C, *space].

    Returns:
        A graph that takes crops [N, C, *space] and gives a tuple with the network's outputs.
    """
    root = nn.Module()
    root.add_module("model", captured.model)
    root.add_module("constants", captured.constants)
    values = fx.Interpreter(fx.GraphModule(root, captured.graph))
    graph, holder = fx.Graph(), nn.Module()
    copies: dict[fx.Node, fx.Node] = {}

    def copied(node: fx.Node) -> fx.Node:
        if node not in copies:
            holder.register_buffer(node.name, values.env[node].detach())
            return graph.get_attr(node.name)
        return copies[node]

    for node in captured.graph.nodes:
        depends = node is captured.image or any(n in copies for n in node.all_input_nodes)
        if node.op == "output" or depends:
            copies[node] = graph.node_copy(node, copied)
        else:
            values.env[node] = values.run_node(node)
    return fx.GraphModule(holder, graph)
