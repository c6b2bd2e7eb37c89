"""A property that is computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 - a decorator, as functools.cached_property is
    """A property that is computed on first access.

    ``functools.cached_property`` does the same, but uses a lock on Python 3.11, which costs a microsecond for each
    access.

    Example:
        >>> class Circle:
        ...     @once
        ...     def area(self) -> float:
        ...         print("computed")
        ...         return 3.0
        >>> circle = Circle()
        >>> circle.area, circle.area
        computed
        (3.0, 3.0)
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.__doc__ = compute, compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> once[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> once[T] | T:
        if instance is None:
            return self
        value = instance.__dict__[self.name] = self.compute(instance)
        return value
