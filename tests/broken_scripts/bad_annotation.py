from tigrest import Handler


class Broken(Handler):
    regex = "/bad_annotation/(.+)"

    def exec_get(self, when: complex):
        return {}
