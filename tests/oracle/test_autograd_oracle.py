"""The same programs in minigrad and in PyTorch: the same numbers, or errors of the same type."""

import pytest

import minigrad

torch = pytest.importorskip("torch")

PROGRAMS = {}


def program(function):
    """A function of the library that returns tensors, numbers, and tuples of them."""
    PROGRAMS[function.__name__] = function
    return function


def outcome(function, library):
    """What the program returns, as plain numbers; or the type of its error."""
    try:
        return plain(function(library))
    except Exception as error:
        return type(error)


def plain(value):
    if isinstance(value, list | tuple):
        return [plain(x) for x in value]
    return value.tolist() if hasattr(value, "tolist") else value


def assert_same(function):
    ours, theirs = (outcome(function, library) for library in (minigrad, torch))
    if isinstance(theirs, type) or isinstance(ours, type):
        assert ours == theirs
    else:
        assert flat(ours) == pytest.approx(flat(theirs), rel=1e-5, abs=1e-6)
        assert str(shape(ours)) == str(shape(theirs))


def flat(x):
    return [y for member in x for y in flat(member)] if isinstance(x, list) else [x]


def shape(x):
    return [shape(member) for member in x] if isinstance(x, list) else type(x).__name__


def leaf(lib, *values):
    return lib.tensor(values, requires_grad=True)


def make(lib, forward, backward, **more):
    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("Custom", (lib.autograd.Function,), {**members, **more})


# -- writes and views


@program
def write_to_base_and_views(lib):
    x, w = leaf(lib, 1.0, 2.0, 3.0), leaf(lib, 2.0)
    y = x * 1
    v, tail = y[:2], y[1:]
    v.mul_(w)
    y.add_(v.sum())
    tail[0] = w[0]
    (y * y + tail.sum()).sum().backward()
    return y, v, tail, x.grad, w.grad


@program
def write_to_a_transposed_view(lib):
    x = lib.arange(6.0).reshape(2, 3).requires_grad_()
    y = x * 2
    y.t()[1:].mul_(y.detach().t()[1:] + 1)
    y.sum().backward()
    return x.grad


@program
def write_to_a_leaf(lib):
    leaf(lib, 1.0).add_(1)


@program
def write_to_a_view_of_a_leaf(lib):
    leaf(lib, 1.0, 2.0)[0] = 1


@program
def write_to_a_saved_value(lib):
    y = leaf(lib, 1.0).exp()
    y.add_(1)
    y.sum().backward()


@program
def write_to_a_view_made_without_grad(lib):
    y = leaf(lib, 1.0, 2.0) * 1
    with lib.no_grad():
        v = y[0]
    v.add_(1)


@program
def write_to_expanded_memory(lib):
    lib.zeros(1).expand(3).add_(1)


@program
def product_with_itself_in_place(lib):
    y = leaf(lib, 1.0, 2.0) * 1
    y.mul_(y)
    y.sum().backward()


@program
def write_within_no_grad(lib):
    x = leaf(lib, 1.0, 2.0)
    y = x * 3
    with lib.no_grad():
        y.add_(1)
    y.sum().backward()
    return y, x.grad


@program
def no_gradient_passes_an_integer(lib):
    x = leaf(lib, 0.3, 1.7)
    copied, part = lib.zeros(2, dtype=lib.long).copy_(x), lib.zeros(2, dtype=lib.long)
    part[0] = x[0]
    masked = lib.ones(2, dtype=lib.long).masked_fill_(x > 1, x[1].detach().long())
    found = [x.long(), x > 1, x.to(lib.bool), copied, part, masked, x.max(0).indices]
    for y in found:
        (x - y.float()).sum().backward()
    return x.grad, [y.requires_grad for y in found], found


# -- the engine


@program
def retain_graph(lib):
    x = leaf(lib, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    first = x.grad.clone()
    try:
        y.backward()
    except RuntimeError:
        return first, x.grad


@program
def inputs_and_unused(lib):
    x, w, z = leaf(lib, 2.0), leaf(lib, 3.0), leaf(lib, 1.0)
    h = x * w
    y = (h * h).sum()
    found = lib.autograd.grad(y, [h, x, z], retain_graph=True, allow_unused=True)
    y.backward(inputs=[w])
    return found[0], found[1], found[2] is None, x.grad is None, w.grad


@program
def hooks_in_order(lib):
    x = leaf(lib, 2.0)
    h = x * 3
    seen = []
    h.register_hook(lambda g: seen.append(g.item()))
    h.register_hook(lambda g: g * 2)
    h.retain_grad()
    x.register_hook(lambda g: g + 1)
    (h * h).sum().backward()
    return seen, h.grad, x.grad


@program
def a_hook_that_is_registered_before_a_write(lib):
    x = leaf(lib, 2.0)
    h = x * 3
    h.register_hook(lambda g: g * 100)
    h.mul_(2)
    h.sum().backward()
    return x.grad


@program
def third_derivative(lib):
    y = x = leaf(lib, 0.5, -1.5)
    y = (x.sin() * x.exp()).sum()
    found = []
    for _ in range(3):
        (g,) = lib.autograd.grad(y, x, create_graph=True)
        found.append(g)
        y = g.sum()
    return [g.detach() for g in found]


# -- Function


def scale(lib, **more):
    def forward(ctx, x, k):
        ctx.k = k
        return x * k

    return make(lib, forward, lambda ctx, g: (g * ctx.k, None), **more)


@program
def function_by_keyword(lib):
    x = leaf(lib, 1.0)
    y = scale(lib).apply(x, k=3.0)
    y.sum().backward()
    return y.detach(), x.grad


@program
def function_that_changes_a_view(lib):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    x = leaf(lib, 1.0, 2.0)
    h = x * 1
    make(lib, forward, lambda ctx, g: g * 2).apply(h[:1])
    (h * h).sum().backward()
    return h, x.grad


@program
def function_that_changes_a_leaf(lib):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x.mul_(2)

    make(lib, forward, lambda ctx, g: g * 2).apply(leaf(lib, 1.0))


@program
def function_that_marks_without_returning(lib):
    def forward(ctx, x):
        ctx.mark_dirty(x)
        return x * 2

    make(lib, forward, lambda ctx, g: g * 2).apply(leaf(lib, 1.0) * 1)


@program
def function_with_every_kind_of_output(lib):
    seen = []

    def forward(ctx, x):
        mask = (x > 0).float()
        ctx.mark_non_differentiable(mask)
        return x * 2, 5, None, mask, x.argmax(), x

    def backward(ctx, *gs):
        seen.extend(gs)
        return gs[0] * 2 + gs[5]

    x = leaf(lib, -1.0, 2.0)
    out = make(lib, forward, backward).apply(x)
    (out[0] * 3 + out[5]).sum().backward()
    flags = [bool(getattr(y, "requires_grad", False)) for y in out]
    return flags, seen[0], seen[1] is None, seen[2] is None, seen[3], seen[5], x.grad


@program
def function_that_saves_a_number(lib):
    make(lib, lambda ctx, x: ctx.save_for_backward(3), None).apply(leaf(lib, 1.0))


@pytest.mark.parametrize("library", [minigrad, torch])
@pytest.mark.parametrize(
    ("backward", "match"),
    [
        (lambda lib: lambda ctx, g: g, "returned an incorrect number of gradients"),
        (lambda lib: lambda ctx, g: (g, g), "a gradient different than None at position 2"),
        (lambda lib: lambda ctx, g: (3, None), "expected Variable or None"),
        (lambda lib: lambda ctx, g: (lib.ones(3), None), "returned an invalid gradient at index 0"),
    ],
)
def test_what_backward_returns(library, backward, match):
    Custom = make(library, lambda ctx, x, k: x * k, backward(library))
    with pytest.raises(RuntimeError, match=match):
        Custom.apply(leaf(library, 1.0, 2.0), 2).sum().backward()


@pytest.mark.parametrize("library", [minigrad, torch])
def test_the_node_of_a_function(library):
    y = scale(library).apply(leaf(library, 1.0), 5.0)
    assert y.grad_fn.name() == type(y.grad_fn).__name__ == "CustomBackward"
    assert repr(y) == "tensor([5.], grad_fn=<CustomBackward>)"


STEPWISE = {
    "relu": (),
    "leaky_relu": (),
    "relu6": (),
    "hardtanh": (),
    "prelu": ([0.5],),
    "rrelu": (),
    "threshold": (0.5, 0.1),
    "softshrink": (),
    "hardshrink": (),
    "max_pool1d": (2,),
    "max_pool2d": ((1, 2),),
    "adaptive_max_pool1d": (2,),
}


@pytest.mark.parametrize("name", STEPWISE)
def test_the_gradient_of_a_gradient_that_changes_in_steps(name):
    """The gradients by x, and by the weight of prelu."""

    def run(lib):
        function = getattr(lib.nn.functional, name)
        x = leaf(lib, [-2.0, 0.3, 0.7, 3.0])
        args = [leaf(lib, *a) if isinstance(a, list) else a for a in STEPWISE[name]]
        leaves = [x, *(a for a in args if isinstance(a, lib.Tensor))]
        out = function(x[None] if "2d" in name else x, *args)
        found = lib.autograd.grad(out.sum(), leaves, create_graph=True)
        by = [lib.autograd.grad((g**2).sum(), leaves, None, True) for g in found]
        return found, by, [g.requires_grad for g in found]

    run(minigrad)  # no error in both
    assert_same(run)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name):
    assert_same(PROGRAMS[name])


# -- functional

SQUARE, CUBE = (lambda x: x * x), (lambda x: (x**3).sum() * x[0])
V = [1.0, 2.0, 3.0]
CASES = [
    ("vjp", SQUARE, V),
    ("vjp", lambda x: (x * x).sum(), None),
    ("vjp", SQUARE, None),
    ("vjp", SQUARE, V[:2]),
    ("jvp", lambda x: x * x.sum(), V),
    ("jvp", lambda x: x.sum(), V),
    ("jvp", SQUARE, None),
    ("hvp", CUBE, V),
    ("hvp", SQUARE, V),
    ("vhp", CUBE, V),
    ("vhp", SQUARE, V),
    ("jacobian", lambda x: (x * x, x.sum()), False),
    ("jacobian", lambda x: 3.0, False),
    ("hessian", CUBE, False),
    ("hessian", SQUARE, False),
    ("hessian", lambda x: x.sum(), False),
]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("name", "func", "v"), CASES)
def test_functional(name, func, v, strict):
    def run(lib):
        function = getattr(lib.autograd.functional, name)
        vectors = () if v is False else (None if v is None else lib.tensor(v),)
        return function(func, lib.tensor([1.0, -2.0, 0.5]), *vectors, strict=strict)

    assert_same(run)


@pytest.mark.parametrize("name", ["jacobian", "hessian"])
def test_functional_of_several_inputs(name):
    def run(lib):
        x, y = lib.tensor([[1.0, 2.0]]), lib.tensor([3.0, 4.0])
        return getattr(lib.autograd.functional, name)(lambda x, y: (x * y.exp()).sum(), (x, y))

    assert_same(run)

